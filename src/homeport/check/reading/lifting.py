"""Applies Python's own functions to values that may not be known."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from homeport.check.reading.bounds import bounded
from homeport.check.reading.merge import is_plain, why_of
from homeport.check.reading.scope import OpenFile, Scope
from homeport.check.values import FromShell, Unknown


def lift(function: Callable[..., Any], operands: list[Any], node: Any, scope: Scope) -> Any:
    """A pure function of values that may not be known. Of what the shell says, the default goes on."""
    for value in operands:
        if isinstance(value, Unknown):
            return value
    shells = [part for value in operands for part in shells_in(value)]
    if shells and not any(has_unknown(value) for value in operands):
        first = shells[0]
        others = {shell.name: replace(shell, others=()) for shell in shells if shell.name != first.name}
        result = lift(function, [defaulted(value) for value in operands], node, scope)
        return FromShell(first.name, result, first.site, tuple(others.values()))
    for value in operands:
        if not is_plain(value):
            return opaque(value, node, scope)
    try:
        return bounded(function(*operands))
    except Exception as error:
        scope.world.risks += 1
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Unknown(f"fails: {said}"[:200], scope.site(node))


def parts_of(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list | tuple | set | frozenset) else ()


def shells_in(value: Any) -> list[FromShell]:
    """The shell's variables that are in a value."""
    if isinstance(value, FromShell):
        return [value, *value.others]
    return [shell for part in parts_of(value) for shell in shells_in(part)]


def has_unknown(value: Any) -> bool:
    return isinstance(value, Unknown) or any(has_unknown(part) for part in parts_of(value))


def defaulted(value: Any) -> Any:
    """The value where none of the shell's variables is set."""
    if isinstance(value, FromShell):
        return value.default
    if isinstance(value, dict):
        return {defaulted(key): defaulted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(defaulted(item) for item in value)
    return value


def opaque(value: Any, node: Any, scope: Scope) -> Unknown:
    """Why a value that is more than plain Python ends what can be told."""
    for part in parts_of(value):
        if isinstance(part, Unknown):
            return part
        if isinstance(part, FromShell):
            return Unknown(why_of(part, ""), scope.site(node))
        if not is_plain(part):
            return opaque(part, node, scope)
    return Unknown("is made of an object that is not followed", scope.site(node))


def items_of(value: Any) -> list[Any] | None:
    """What a loop over a value goes through, None where that cannot be told."""
    if isinstance(value, OpenFile):
        return value.content.splitlines(keepends=True) if isinstance(value.content, str | bytes) else None
    if isinstance(value, list | tuple | set | frozenset | dict | str | range | bytes):
        return list(value) if not isinstance(value, set | frozenset) else sorted(value, key=repr)
    return None
