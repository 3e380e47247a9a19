"""What values come to: as others see them, and where they are one thing or another."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from homeport.check.facts import Function, Image, Secret, Volume
from homeport.check.values import External, FromShell, OneOf, Unknown, Value


@dataclass(frozen=True, eq=False)
class Rest(OneOf):
    """In a list or tuple: any number of further elements."""


@dataclass(frozen=True, eq=False)
class Repeated(Unknown):
    """As a test: how often, if at all, something is done."""


class Names(dict[str, Any]):
    """The names of a module, function or class."""


def freeze(value: Any, depth: int = 0) -> Value:
    """The value as others see it: nothing in it changes any more."""
    if isinstance(value, str | int | Image | Volume | Secret | Unknown | PurePath) or value is None:
        return value
    if depth > 50:
        return Unknown("is nested too deeply")
    if isinstance(value, list | tuple):
        return tuple(freeze(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return {key: freeze(item, depth + 1) for key, item in value.items()}
    if isinstance(value, set):
        return frozenset(value)
    if isinstance(value, FromShell) and isinstance(value.default, list | dict | set | tuple):
        return FromShell(value.name, freeze(value.default, depth + 1), value.site)
    return value


PLAIN = (str, bytes, int, float, complex, PurePath, re.Pattern, re.Match)
COUNTED = (*PLAIN, list, tuple, dict, set, frozenset)


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is the source's value itself, all of it, so that Python can go on with it."""
    if value is None or isinstance(value, PLAIN):
        return True
    if depth > 50:
        return False
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_plain(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return all(is_plain(key, depth + 1) and is_plain(item, depth + 1) for key, item in value.items())
    return isinstance(value, slice | range)


def truth(value: Any) -> bool | None:
    """Whether a value counts as true, None where that cannot be told."""
    if isinstance(value, list | tuple) and value and all(isinstance(item, Rest) for item in value):
        return None
    if value is None or isinstance(value, COUNTED):
        return bool(value)
    if isinstance(value, OneOf) and value.values and not isinstance(value, Rest):
        found = {truth(one) for one in value.values}
        return found.pop() if len(found) == 1 else None
    return True if isinstance(value, Image | Volume | Secret | Function) else None


def why_of(test: Value, otherwise: str) -> str:
    """Why something that hangs on a test cannot be told."""
    if isinstance(test, Unknown):
        return test.why
    if isinstance(test, FromShell):
        return f"hangs on the shell's {test.name or 'environment'}"
    if isinstance(test, list | tuple):
        return next((part.why for part in test if isinstance(part, Unknown)), otherwise)
    return otherwise


def merged(values: list[Any], test: Value = None) -> Any:
    """What is known of a value that is one of these: the first where the test is true, the last where not."""
    first, *others = values
    if all(same(first, other) for other in others):
        return first
    why = why_of(test, "is one of several")
    if all(isinstance(value, Image) for value in values):
        steps, rests = parted([value.steps for value in values])
        return Image((*steps, OneOf(why, values=rests)), first.site)
    for kind in (list, tuple):
        if all(isinstance(value, kind) for value in values):
            items, rests = parted(values)
            return kind((*items, Rest(why, values=rests)))
    if all(isinstance(value, dict) for value in values):
        return merged_contents(values, test)
    if isinstance(test, FromShell):
        chosen = truth(test.default)
        if chosen is not None:
            default = first if chosen else values[-1]
            return FromShell(
                test.name, default.default if isinstance(default, FromShell) else default, test.site
            )
    unknown = next((value for value in values if isinstance(value, Unknown)), None)
    if isinstance(test, Repeated):
        return unknown or Unknown(why)  # done twice, it is something else again
    return unknown or OneOf(why, values=tuple(freeze(value) for value in values))


def same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or isinstance(one, Unknown):
        return False
    try:
        return (is_plain(one) or isinstance(one, FromShell | External)) and bool(one == other)
    except Exception:
        return False


def parted(sequences: list[Any]) -> tuple[list[Any], tuple[tuple[Value, ...], ...]]:
    """The elements with which all of them begin, and what each has behind these."""
    found: list[Any] = []
    for items in zip(*sequences, strict=False):
        if not all(same(items[0], item) for item in items):
            break
        found.append(items[0])
    return found, tuple(freeze(tuple(sequence[len(found) :])) for sequence in sequences)


def merged_contents(states: list[Any], test: Value) -> Any:
    first = states[0]
    if isinstance(first, list):
        return first if all(same(first, other) for other in states) else merged(states, test)
    if isinstance(first, set):
        return set.union(*states)
    result = {}
    for key in {key: None for state in states for key in state}:
        there = [state[key] for state in states if key in state]
        value = merged(there, test) if len(there) > 1 else there[0]
        if len(there) < len(states) and not isinstance(first, Names) and not isinstance(value, FromShell):
            value = Unknown(why_of(test, "is only there in some cases"))
        result[key] = value
    return result
