"""What attributes, subscripts and calls come to: those of plain values by Python itself, the app's own
functions by following them, Modal's objects by modal_objects.py, the standard library's by library.py.
"""

import ast
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from homeport.check import library, modal_objects
from homeport.check.bounds import bounded, modulo, power, shift, short_spec, times, within_bounds
from homeport.check.facts import Function, Image, Secret, Volume
from homeport.check.scope import (
    DEEPEST_CALLS,
    AppBuilder,
    AppDecorator,
    Instance,
    LocalModule,
    Method,
    Names,
    OpenFile,
    Rest,
    Scope,
    UserClass,
    UserFunction,
    World,
    freeze,
    is_plain,
    same,
    why_of,
)
from homeport.check.values import External, FromShell, Made, Unknown

__all__ = ["modulo", "power", "shift", "short_spec", "times"]

Evaluator = Callable[[ast.expr, Scope], Any]


def lift(function: Callable[..., Any], operands: list[Any], node: Any, scope: Scope) -> Any:
    """A pure function of values that may not be known. Of what the shell says, the default goes on."""
    for value in operands:
        if isinstance(value, Unknown):
            return value
    shell = next((value for value in operands if isinstance(value, FromShell)), None)
    if shell is not None:
        defaults = [value.default if isinstance(value, FromShell) else value for value in operands]
        return FromShell(shell.name, lift(function, defaults, node, scope), shell.site)
    for value in operands:
        if not is_plain(value):
            return opaque(value, node, scope)
    try:
        return bounded(function(*operands))
    except Exception as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Unknown(f"fails: {said}"[:200], scope.site(node))


def opaque(value: Any, node: Any, scope: Scope) -> Unknown:
    """Why a value that is more than plain Python ends what can be told."""
    parts = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    )
    for part in parts:
        if isinstance(part, Unknown):
            return part
        if isinstance(part, FromShell):
            return Unknown(why_of(part, ""), scope.site(node))
        if not is_plain(part):
            return opaque(part, node, scope)
    return Unknown("is made of an object that is not followed", scope.site(node))


def items_of(value: Any) -> list[Any] | None:
    """What a loop over a value goes through, None where that cannot be told."""
    if isinstance(value, list | tuple | set | frozenset | dict | str | range | bytes):
        return list(value) if not isinstance(value, set | frozenset) else sorted(value, key=repr)
    return None


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
        if not isinstance(value, UserFunction) or value.kind == "staticmethod":
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


def bound(function: UserFunction, receiver: Any) -> UserFunction:
    return UserFunction(
        function.node, function.scope, function.run, function.defaults, bound=(receiver,), kind=function.kind
    )


# ---- subscripts and membership


def item(value: Any, key: Any, node: ast.Subscript, scope: Scope) -> Any:
    if isinstance(value, FromShell) and value.name is None:
        return library.environment(key, None, scope.site(node), scope, is_required=True)
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
        found = library.environment(item, None, scope.site(node), scope)
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
    special = library.SPECIAL.get(name)
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
    if isinstance(receiver, Image | Volume | Secret | AppBuilder | Function):
        return modal_objects.call(receiver, name, args, options, node, method.node, scope)
    if isinstance(receiver, FromShell) and receiver.name is None:
        return library.environment_method(receiver, name, args, node, scope)
    if isinstance(receiver, OpenFile | PurePath):
        found = library.path_method(receiver, name, args, options, node, scope)
        if found is not NotImplemented:
            return found
    if isinstance(receiver, list | dict | set):
        return library.container_method(receiver, name, args, options, node, scope)
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
    elif not all(isinstance(base, UserClass) for base in cls.bases) or args or options:
        return Unknown(f"is a {cls.node.name}, which is not followed", scope.site(node))
    return made


def annotated(cls: UserClass) -> list[str]:
    return [
        statement.target.id
        for statement in cls.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    ]


# ---- arguments and assignment


def nested(world: World, run: Callable[[], Any]) -> Any:
    if world.depth >= DEEPEST_CALLS:
        return Unknown("is called too deeply to follow")
    world.depth += 1
    try:
        return run()
    finally:
        world.depth -= 1


def defaults_of(arguments: ast.arguments, scope: Scope, value_of: Evaluator) -> dict[str, Any]:
    positional = [*arguments.posonlyargs, *arguments.args]
    given = arguments.defaults
    found = {
        argument.arg: value_of(default, scope)
        for argument, default in zip(positional[len(positional) - len(given) :], given, strict=True)
    }
    for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if keyword_default is not None:
            found[argument.arg] = value_of(keyword_default, scope)
    return found


def bind_arguments(function: UserFunction, args: list[Any], options: dict[str, Any], inner: Scope) -> None:
    """Gives the parameters their values; one that the call does not give, nor a default, is not known."""
    arguments = function.node.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    names = inner.names
    names.update(function.defaults)
    rest = next((value for value in args if isinstance(value, Rest)), None)
    sure = args[: args.index(rest)] if rest is not None else args
    names.update(zip(positional, sure, strict=False))
    for name in positional[len(sure) :] if rest is not None else ():
        names[name] = Unknown(rest.why, rest.site)  # type: ignore[union-attr]
    keywords = {*positional, *(argument.arg for argument in arguments.kwonlyargs)}
    names.update({name: value for name, value in options.items() if name in keywords})
    if "**" in options:
        names.update(
            {name: options["**"] for name in keywords if name not in options and name not in positional}
        )
    for name in keywords:
        names.setdefault(name, Unknown(f"is the argument {name}, which is not given"))
    if arguments.vararg:
        names[arguments.vararg.arg] = (
            tuple(args[len(positional) :]) if rest is None else (*args[len(positional) :],)
        )
    if arguments.kwarg:
        names[arguments.kwarg.arg] = {name: value for name, value in options.items() if name not in keywords}


def assign(target: ast.expr, value: Any, scope: Scope, value_of: Evaluator) -> None:
    """`target = value`, for every kind of target."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, ast.Tuple | ast.List):
        assign_parts(target.elts, value, scope, value_of)
    elif isinstance(target, ast.Starred):
        assign(target.value, value, scope, value_of)
    elif isinstance(target, ast.Attribute):
        set_attribute(value_of(target.value, scope), target.attr, value, scope)
    elif isinstance(target, ast.Subscript):
        held, key = value_of(target.value, scope), value_of(target.slice, scope)
        set_item(held, key, value, scope)


def assign_parts(targets: list[ast.expr], value: Any, scope: Scope, value_of: Evaluator) -> None:
    items = items_of(value.default if isinstance(value, FromShell) else value)
    star = next((index for index, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
    if items is not None and star is not None and len(items) >= len(targets) - 1:
        end = len(items) - (len(targets) - star - 1)
        items = [*items[:star], items[star:end], *items[end:]]
    fits = (
        items is not None and len(items) == len(targets) and not any(isinstance(part, Rest) for part in items)
    )
    for index, target in enumerate(targets):
        part: Any = Unknown(why_of(value, "is a part of what cannot be told"))
        if fits and items is not None:
            part = items[index]
            if isinstance(value, FromShell):
                part = FromShell(value.name, part, value.site)
        assign(target, part, scope, value_of)


def set_attribute(held: Any, name: str, value: Any, scope: Scope) -> None:
    names: Names | dict[str, Any] | None = None
    if isinstance(held, Instance):
        names = held.names
    elif isinstance(held, UserClass | LocalModule):
        names = held.scope.names
    elif isinstance(held, AppBuilder):
        names = held.options
    if names is not None:
        scope.world.touch(names)
        names[name] = value


def set_item(held: Any, key: Any, value: Any, scope: Scope) -> None:
    if isinstance(held, FromShell) and held.name is None and isinstance(key, str):
        scope.world.touch(scope.world.environment)
        scope.world.environment[key] = value
    elif isinstance(held, dict | list):
        scope.world.touch(held)
        try:
            held[key] = value
        except (TypeError, IndexError, ValueError):
            if isinstance(held, dict):
                held[Unknown("is not a key that is known")] = freeze(value)
            else:
                held[:] = [Rest("has an item assigned that is not known")]
