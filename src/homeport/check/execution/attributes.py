"""Attributes of modules, objects, classes, paths, and of the app's own objects."""

import ast
from pathlib import PurePath

from homeport.check.execution.core import Core
from homeport.check.execution.library import CONSTANTS
from homeport.check.execution.objects import (
    MADE,
    REST,
    CloudInstance,
    External,
    ImageValue,
    Instance,
    Made,
    Method,
    ModuleState,
    Super,
    UserClass,
    UserFunction,
)
from homeport.check.facts import (
    Function,
    Secret,
    Volume,
)
from homeport.check.values import Unknown, Value

# of paths that are known in part; texts have none of these
FILE_METHODS = frozenset(
    ["write_text", "write_bytes", "read_text", "read_bytes", "open", "iterdir", "glob", "rglob", "symlink_to"]
)


PATHS = ("name", "stem", "suffix", "parent", "parts", "parents", "anchor", "root")


class Attributes(Core):
    def attribute(self, node: ast.Attribute) -> Value:
        return self.attribute_of(self.evaluate(node.value), node.attr, node)

    def attribute_of(self, base: Value, name: str, node: ast.expr) -> Value:
        match base:
            case External(outer):
                full = f"{outer}.{name}"
                if full == "os.environ.data":
                    return MADE
                return self.constant_of(full)
            case ModuleState():
                if name in base.variables:
                    return base.variables[name]
                return self.process.modules.get(f"{base.name}.{name}", MADE)
            case Instance():
                return self.instance_attribute(base, name, node)
            case UserClass():
                owner, value = base.find(name)
                if isinstance(value, UserFunction) and "classmethod" in value.marks:
                    return bound(value, base)
                return value if owner else MADE
            case Super():
                for parent in base.owner.bases:
                    if isinstance(parent, UserClass):
                        owner, value = parent.find(name)
                        if owner:
                            return bound(value, base.receiver) if isinstance(value, UserFunction) else value
                return MADE
            case Made(made) if made.startswith("modal."):
                return Method(f"{made.split('.')[1]}.{name}", name, base)
            case Volume() | Secret() | Function() | ImageValue() | CloudInstance():
                return self.cloud_attribute(base, name)
            case PurePath():
                return path_attribute(base, name)
            case str() | tuple() | dict() | frozenset() | bytes():
                return Method(f"{type(base).__name__}.{name}", name, base)
            case Unknown(begins=begins) if begins and name in FILE_METHODS:
                return Method(f"pathlib.Path.{name}", name, base)
        return MADE

    def constant_of(self, full: str) -> Value:
        if full in CONSTANTS:
            return CONSTANTS[full]
        if full == "sys.version_info":
            version = self.container.python_version
            if isinstance(version, str):
                parts = version.split(".")[:2]
                if len(parts) == 2 and all(part.isdigit() for part in parts):
                    return (int(parts[0]), int(parts[1]), REST)
            return MADE
        if full == "sys.argv" and self.process.argv is not None:
            return self.process.argv
        return External(full)

    def instance_attribute(self, base: Instance, name: str, node: ast.expr) -> Value:
        if name in base.attributes:
            return base.attributes[name]
        if name == "__class__":
            return base.owner
        owner, value = base.owner.find(name)
        if owner is None:
            return MADE
        if isinstance(value, UserFunction):
            if "property" in value.marks or "functools.cached_property" in value.marks:
                return self.follow(bound(value, base), (), {}, node)
            return value if "staticmethod" in value.marks else bound(value, base)
        return value

    def cloud_attribute(self, base: Value, name: str) -> Value:
        if isinstance(base, CloudInstance) and not base.method and name in base.function.methods:
            return CloudInstance(base.function, name)
        if isinstance(base, CloudInstance):
            return Method(f"Function.{name}", name, base)
        if isinstance(base, ImageValue):
            return Method(f"Image.{name}", name, base)
        if isinstance(base, Volume):
            return Method(f"{base.kind}.{name}", name, base)
        return Method(f"{type(base).__name__}.{name}", name, base)


class PathParents:
    """`Path.parents`, which has an index."""

    def __init__(self, path: PurePath) -> None:
        self.path = path


def bound(function: UserFunction, receiver: Value) -> UserFunction:
    if "staticmethod" in function.marks:
        return function
    return UserFunction(
        function.node,
        function.state,
        function.scope,
        function.enclosing,
        function.defaults,
        function.marks,
        function.is_wrapped,
        function.owner,
        receiver,
    )


def path_attribute(path: PurePath, name: str) -> Value:
    if name == "parents":
        return PathParents(path)
    if name in PATHS:
        return getattr(path, name)
    return Method(f"pathlib.Path.{name}", name, path)
