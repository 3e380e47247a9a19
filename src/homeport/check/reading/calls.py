"""What attributes, subscripts and calls come to: those of plain values by Python itself, the app's own
functions by following them, Modal's objects by modal_objects.py, the standard library's by library.py.
"""

import ast
from pathlib import PurePath
from typing import Any

from homeport.check.facts import Function, Image, Secret, Volume
from homeport.check.reading import library, modal_objects
from homeport.check.reading.bounds import within_bounds
from homeport.check.reading.containers import container_method
from homeport.check.reading.environment import environment, environment_method
from homeport.check.reading.files import path_method
from homeport.check.reading.lifting import items_of, lift, opaque
from homeport.check.reading.merge import Names, Rest, is_plain, same, why_of
from homeport.check.reading.scope import (
    AppBuilder,
    AppDecorator,
    Instance,
    LocalModule,
    Method,
    OpenFile,
    Partial,
    Scope,
    UserClass,
    UserFunction,
    Version,
)
from homeport.check.values import External, FromShell, Made, Unknown

# ---- attributes


def attribute(value: Any, name: str, node: ast.Attribute, scope: Scope) -> Any:
    if isinstance(value, Unknown):
        return value
    if isinstance(value, External):
        return library.constant(f"{value.name}.{name}", node, scope)
    if isinstance(value, LocalModule):
        return of_module(value, name, node, scope)
    if isinstance(value, UserClass):
        return of_class(value, name, value, node, scope)
    if isinstance(value, Instance):
        if name in value.names:
            return value.names[name]
        return of_class(value.of, name, value, node, scope)
    if isinstance(value, AppBuilder) and name == "name":
        return value.name
    if isinstance(value, PurePath) and not callable(getattr(type(value), name, None)):
        found = lift(lambda path: getattr(path, name), [value], node, scope)
        return list(found) if name == "parents" and not isinstance(found, Unknown) else found
    if isinstance(value, Version) and name in value._fields:
        return getattr(value, name)
    if isinstance(value, UserFunction) and name in ("__name__", "__qualname__"):
        return value.name
    return Method(value, name, node)


def of_module(module: LocalModule, name: str, node: ast.Attribute, scope: Scope) -> Any:
    if name in module.scope.names:
        return module.scope.names[name]
    found = scope.world.import_name(f"{module.name}.{name}", module.scope)
    if found is not None:
        return found
    return Unknown(f"is {name} of {module.name}, which it does not define", scope.site(node))


def of_class(cls: UserClass, name: str, receiver: Any, node: Any, scope: Scope) -> Any:
    for one in cls.lineage():
        if name not in one.scope.names:
            continue
        value = one.scope.names[name]
        if not isinstance(value, UserFunction):
            return member(one, name, value) if is_enumeration(one) else value
        if value.kind == "staticmethod":
            return value
        if value.kind == "classmethod":
            return bound(value, cls)
        if isinstance(receiver, UserClass):
            return value
        return (
            call(bound(value, receiver), [], {}, node, scope)
            if value.kind == "property"
            else bound(value, receiver)
        )
    if isinstance(receiver, UserClass) and name in ("__name__", "__qualname__"):
        return cls.node.name
    return Unknown(
        f"is {name} of a {cls.node.name}, which is not assigned where it can be told", scope.site(node)
    )


def is_enumeration(cls: UserClass) -> bool:
    return any(
        isinstance(base, External) and base.name.startswith("enum.")
        for one in cls.lineage()
        for base in one.bases
    )


def member(cls: UserClass, name: str, value: Any) -> Instance:
    """Of an Enum."""
    return Instance(cls, Names({"value": value, "name": name}))


def bound(function: UserFunction, receiver: Any) -> UserFunction:
    return UserFunction(
        function.node, function.scope, function.run, function.defaults, bound=(receiver,), kind=function.kind
    )


# ---- subscripts and membership


def item(value: Any, key: Any, node: ast.Subscript, scope: Scope) -> Any:
    if isinstance(value, FromShell) and value.name is None:
        return environment(key, None, scope.site(node), scope, is_required=True)
    if isinstance(value, dict):
        if isinstance(key, Unknown):
            return key
        try:
            if key in value:
                return value[key]
        except TypeError:
            pass
        rest = next((part for part in value if isinstance(part, FromShell | Unknown)), None)
        if rest is not None:
            return Unknown(why_of(rest, ""), scope.site(node))
    if isinstance(value, list | tuple) and isinstance(key, int | slice):
        try:
            found = value[key]
        except Exception:
            found = next((part for part in value if isinstance(part, Rest)), Unknown("is past the end"))
        is_certain = not any(isinstance(part, Rest) for part in value)
        if is_certain or (
            isinstance(key, int) and key >= 0 and not any(isinstance(p, Rest) for p in value[: key + 1])
        ):
            return found
        return Unknown(next(part.why for part in value if isinstance(part, Rest)), scope.site(node))
    if isinstance(value, External | UserClass):  # a generic type
        return value
    if isinstance(value, Instance | Made | Method):
        return Unknown("is an item of an object that is not followed", scope.site(node))
    return lift(lambda held, at: held[at], [value, key], node, scope)


def contains(held: Any, item: Any, node: Any, scope: Scope) -> Any:
    if isinstance(held, FromShell) and held.name is None:
        found = environment(item, None, scope.site(node), scope)
        if isinstance(found, FromShell):
            return FromShell(found.name, False, found.site)
        return found is not None if not isinstance(found, Unknown) else found
    if isinstance(held, list | tuple | set | frozenset | dict) and not isinstance(item, Unknown | FromShell):
        if any(same(item, part) for part in held):
            return True
        unsure = next((part for part in held if isinstance(part, Unknown | FromShell)), None)
        return False if unsure is None else Unknown(why_of(unsure, ""), scope.site(node))
    return lift(lambda inside, part: part in inside, [held, item], node, scope)


# ---- calls


def call(function: Any, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if isinstance(function, UserFunction):
        return function.run(function, [*function.bound, *args], options)
    if isinstance(function, External):
        return call_external(function.name, args, options, node, scope)
    if isinstance(function, Method):
        return call_method(function, args, options, node, scope)
    if isinstance(function, Partial):
        more = {**function.options, **options}
        return call(function.function, [*function.args, *args], more, node, scope)
    if isinstance(function, UserClass):
        return instance(function, args, options, node, scope)
    if isinstance(function, AppDecorator):
        return modal_objects.apply(function, args[0] if args else None, scope)
    if isinstance(function, Made) and args and isinstance(args[0], UserFunction | UserClass):
        return modal_objects.decorated(function, args[0])
    scope.world.risks += 1
    if isinstance(function, Unknown):
        return function
    return Unknown("is what a call returns that is not followed", scope.site(node))


def call_external(name: str, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if name == "modal" or name.startswith("modal."):
        made = modal_objects.make(name, args, options, node, scope)
        if made is not None:
            return made
    special = library.SPECIAL.get(name) or HIGHER.get(name)
    if special is not None:
        return special(args, options, node, scope)
    pure = library.PURE.get(name)
    if pure is not None:
        values = [*args, *options.values()]
        names = tuple(options)

        def compute(*plain: Any) -> Any:
            cut = len(plain) - len(names)
            within_bounds(plain)
            return pure(*plain[:cut], **dict(zip(names, plain[cut:], strict=True)))

        return lift(compute, values, node, scope)
    scope.world.risks += 1
    return Unknown(f"is what {name.removeprefix('builtins.')}() returns", scope.site(node))


def call_method(
    method: Method, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope
) -> Any:
    receiver, name = method.receiver, method.name
    if isinstance(receiver, Image) and name == "pipe":
        return call(args[0] if args else None, [receiver, *args[1:]], options, node, scope)
    if isinstance(receiver, Image | Volume | Secret | AppBuilder | Function):
        return modal_objects.call(receiver, name, args, options, node, method.node, scope)
    if isinstance(receiver, FromShell) and receiver.name is None:
        return environment_method(receiver, name, args, node, scope)
    if isinstance(receiver, OpenFile | PurePath):
        found = path_method(receiver, name, args, options, node, scope)
        if found is not NotImplemented:
            return found
    if isinstance(receiver, list | dict | set):
        return container_method(receiver, name, args, options, node, scope)
    if isinstance(receiver, UserFunction | Instance | Made | LocalModule | Method | AppDecorator):
        scope.world.risks += 1
        return Unknown(f"is what .{name}() returns", scope.site(node))
    if options and not all(is_plain(value) for value in options.values()):
        return opaque(options, node, scope)

    def compute(plain: Any, *values: Any) -> Any:
        within_bounds((plain, *values), name)
        return getattr(plain, name)(*values, **options)

    return lift(compute, [receiver, *args], node, scope)


def instance(cls: UserClass, args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    made = Instance(cls)
    start = next(
        (one.scope.names.get("__init__") for one in cls.lineage() if "__init__" in one.scope.names), None
    )
    if isinstance(start, UserFunction):
        start.run(start, [made, *args], options)
    elif any(one.is_dataclass for one in cls.lineage()):
        fields = [name for one in reversed(list(cls.lineage())) for name in annotated(one)]
        for name, value in zip(fields, args, strict=False):
            made.names[name] = value
        made.names.update({name: value for name, value in options.items() if name in fields})
        for name in fields:
            if name not in made.names:
                made.names[name] = default_of(name, cls, node, scope)
        after = next((one.scope.names.get("__post_init__") for one in cls.lineage()), None)
        if isinstance(after, UserFunction):
            after.run(after, [made], {})
    elif not all(isinstance(base, UserClass) for base in cls.bases) or args or options:
        return Unknown(f"is a {cls.node.name}, which is not followed", scope.site(node))
    return made


def default_of(name: str, cls: UserClass, node: ast.Call, scope: Scope) -> Any:
    """Of a dataclass's field."""
    value = next((one.scope.names[name] for one in cls.lineage() if name in one.scope.names), None)
    if isinstance(value, Made) and value.name in ("dataclasses.field", "pydantic.Field"):
        if "default_factory" in value.options:
            return call(value.options["default_factory"], [], {}, node, scope)
        return value.options.get("default", Unknown(f"is the field {name}, which is not given"))
    return value


def annotated(cls: UserClass) -> list[str]:
    return [
        statement.target.id
        for statement in cls.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


# ---- builtins that call, or look up


def mapped(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    items = items_of(args[1]) if len(args) == 2 else None
    if items is None or len(items) > 2000:
        return Unknown("goes through what is not known", scope.site(node))
    return [item if isinstance(item, Rest) else call(args[0], [item], {}, node, scope) for item in items]


def get_attribute(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    if len(args) < 2 or not isinstance(args[1], str):
        return Unknown("is an attribute that cannot be told", scope.site(node))
    place = ast.copy_location(ast.Attribute(node.func, args[1], ast.Load()), node)
    found = attribute(args[0], args[1], place, scope)
    if len(args) > 2 and isinstance(found, Unknown | Method):
        return Unknown(f"is an attribute {args[1]} that may not be there", scope.site(node))
    return found


def import_module(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    name = args[0] if args else None
    if not isinstance(name, str):
        return Unknown("is a module of a name that cannot be told", scope.site(node))
    found = scope.world.import_name(name, scope) if not name.startswith(".") else None
    if found is not None:
        return found
    scope.world.import_risks += 1
    return External(name)


def partial(args: list[Any], options: dict[str, Any], node: ast.Call, scope: Scope) -> Any:
    return Partial(args[0], args[1:], options) if args else Unknown("calls nothing", scope.site(node))


HIGHER = {
    "functools.partial": partial,
    "builtins.map": mapped,
    "builtins.getattr": get_attribute,
    "importlib.import_module": import_module,
    "builtins.__import__": import_module,
}
