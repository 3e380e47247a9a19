"""Gives names, parameters, attributes and items their values."""

import ast
from collections.abc import Callable
from typing import Any

from homeport.check.reading.lifting import items_of
from homeport.check.reading.merge import Names, Rest, freeze, why_of
from homeport.check.reading.scope import AppBuilder, Instance, LocalModule, Scope, UserClass, UserFunction
from homeport.check.values import FromShell, Unknown

Evaluator = Callable[[ast.expr, Scope], Any]


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
