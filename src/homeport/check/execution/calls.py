"""Calls: of the user's own functions and classes, which are followed, and of libraries, which are noted."""

import ast
from collections.abc import Mapping
from dataclasses import replace

from homeport.check.execution.binding import written
from homeport.check.execution.effects import SPECIAL
from homeport.check.execution.library import PURE, apply_pure
from homeport.check.execution.methods import Methods
from homeport.check.execution.objects import (
    MADE,
    CloudInstance,
    External,
    ImageValue,
    Instance,
    Made,
    Method,
    Super,
    UserClass,
    UserFunction,
    is_same,
    plain,
)
from homeport.check.facts import (
    EnvironmentRead,
    Function,
    Secret,
    Volume,
)
from homeport.check.values import Value

ENVIRON = External("os.environ")
SYS_PATH = External("sys.path")
# what is given to these is looked at, or said, and not made
LOOKING = (
    "print",
    "os.listdir",
    "os.walk",
    "os.scandir",
    "os.stat",
    "os.access",
    "glob.",
    "logging.",
    "warnings.",
)
SAYING = frozenset(
    [
        "info",
        "debug",
        "warning",
        "error",
        "exception",
        "log",
        "print",
        "add_argument",
        "glob",
        "rglob",
        "startswith",
    ]
)
# of no interest to any rule, and very many
SILENT = frozenset(
    [
        "len",
        "isinstance",
        "issubclass",
        "range",
        "enumerate",
        "zip",
        "min",
        "max",
        "sum",
        "abs",
        "round",
        "str",
        "int",
        "float",
        "bool",
        "list",
        "tuple",
        "dict",
        "set",
        "frozenset",
        "sorted",
        "reversed",
        "type",
        "super",
        "hasattr",
        "repr",
        "id",
        "iter",
        "next",
        "any",
        "all",
        "format",
        "callable",
        "divmod",
        "pow",
        "hash",
        "chr",
        "ord",
        "bytes",
        "bytearray",
        "property",
        "staticmethod",
        "classmethod",
        "object",
        "slice",
        "map",
        "filter",
    ]
)


class Calls(Methods):
    def call_(self, node: ast.Call) -> Value:
        func = node.func
        if isinstance(func, ast.Attribute):
            base = self.evaluate(func.value)
            target = self.attribute_of(base, func.attr, node)
        else:
            base = None
            target = self.evaluate(func)
        args: tuple[Value, ...] = self.items(node.args)
        options: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg:
                options[keyword.arg] = value
            elif isinstance(value, dict):
                options.update((key, item) for key, item in value.items() if isinstance(key, str))
            if value == ENVIRON:
                self.emit(EnvironmentRead, keyword.value, name=None, is_required=False)
        for value, argument in zip(args, node.args, strict=False):
            if value == ENVIRON:
                self.emit(EnvironmentRead, argument, name=None, is_required=False)
        return self.call(target, args, options, node, "")

    def call(
        self, target: Value, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call, name: str
    ) -> Value:
        match target:
            case UserFunction():
                self.note(written(node.func), args, options, None, node)
                return self.follow(target, args, options, node)
            case UserClass():
                self.note(written(node.func), args, options, None, node)
                return self.instantiate(target, args, options, node)
            case Instance():
                return self.call_instance(target, args, options, node)
            case External(called):
                return self.call_external(called, args, options, node)
            case Method():
                return self.call_method(target, args, options, node)
            case Function():
                self.note("Function", args, options, target, node)
                return CloudInstance(target) if target.kind == "class" else MADE
        called = written(node.func)
        self.note(called, args, options, None, node)
        self.give_away(args, options, node)
        if called.rpartition(".")[2] not in SAYING:
            self.touch(args, options)
        return MADE

    # libraries

    def call_external(
        self, name: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        if name not in SILENT:
            self.note(name, args, options, None, node)
        special = SPECIAL.get(name)
        if special:
            return special(self, args, options, node)
        if name in PURE:
            return apply_pure(PURE[name], args, options)
        if name.startswith("modal."):
            return self.call_modal(name, args, options, node)
        if name == "super":
            function = self.frame.function
            if function and function.owner:
                return Super(function.owner, function.receiver)
            return MADE
        if name.startswith("subprocess."):
            self.run_command(args[0] if args else options.get("args", MADE), options, node, name)
            return Made(name)
        if name.startswith(("pip.", "git.")):
            self.place = replace(self.place, may_find_more=True)
        self.give_away(args, options, node)
        if name not in SILENT and not name.startswith(LOOKING):
            mode = args[1] if len(args) > 1 else options.get("mode", "r")
            if name != "open" or not isinstance(mode, str) or set(mode) & set("wax"):
                self.touch(args, options)
        return Made(name)

    def call_modal(
        self, name: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Value:
        """The client's own objects: the app's, where it has such ones."""
        _, kind, *rest = name.split(".")
        if kind == "is_local":
            return self.is_local
        if kind == "Image":
            return ImageValue((node.end_lineno or 0, node.end_col_offset or 0))
        if kind in ("Volume", "CloudBucketMount", "NetworkFileSystem", "SharedVolume"):
            return self.volume(kind, args, options, node)
        if kind == "Secret" and rest:
            return Secret(rest[0], args, options, self.site(node))
        return Made(name)

    def volume(
        self, kind: str, args: tuple[Value, ...], options: Mapping[str, Value], node: ast.Call
    ) -> Volume:
        name = plain(args[0] if args else options.get("name", options.get("bucket_name", MADE)))
        for function in self.app.functions:
            for known in function.volumes.values():
                if isinstance(known, Volume) and known.kind == kind and is_same(known.name, name):
                    return known
        return Volume(kind, name, {key: plain(value) for key, value in options.items()}, self.site(node))
