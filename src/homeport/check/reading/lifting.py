"""Applies Python's own functions to values that may not be known."""

from collections.abc import Callable
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
    if isinstance(value, OpenFile):
        return value.content.splitlines(keepends=True) if isinstance(value.content, str | bytes) else None
    if isinstance(value, list | tuple | set | frozenset | dict | str | range | bytes):
        return list(value) if not isinstance(value, set | frozenset) else sorted(value, key=repr)
    return None
