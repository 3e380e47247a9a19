"""Values as JSON: plain ones as they are, others as {"$": KIND, "v": ...}, what cannot be said as unknown.

The parent's side is loaded.py.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, Callable, Dict, List, Optional, Tuple

from homeport.check.inside.frames import Note

MAX_DEPTH = 30
MAX_ITEMS = 50_000  # of one value, with all that it holds


class Objects:
    """Numbers for the client's objects. They are kept, so that no other one gets the same identity."""

    def __init__(self) -> None:
        self._numbers: Dict[int, int] = {}
        self._kept: List[object] = []

    def number(self, thing: object) -> int:
        known = self._numbers.get(id(thing))
        if known is None:
            known = self._numbers[id(thing)] = len(self._kept)
            self._kept.append(thing)
        return known

    def known(self, thing: object) -> Optional[int]:
        return self._numbers.get(id(thing))


class Encoder:
    """`from_shell(value, key)` says which read of the environment gave a text, where one did."""

    def __init__(self, objects: Objects, from_shell: Callable[[str, Optional[str]], Optional[Note]]) -> None:
        self._objects = objects
        self._from_shell = from_shell
        self._left = 0

    def encoded(self, value: object) -> Any:
        self._left = MAX_ITEMS
        return self._encoded(value, 0)

    def variables(self, value: object, is_secret: bool) -> Any:
        """As `encoded`, of what becomes variables: texts that the shell gave say so, and a secret's other
        ones are left out.
        """
        if not isinstance(value, dict):
            return unknown("is made in a way that cannot be followed") if is_secret else self.encoded(value)
        return {
            "$": "dict",
            "v": [[self.encoded(k), self._variable(k, v, is_secret)] for k, v in value.items()],
        }

    def _variable(self, key: object, value: object, is_secret: bool) -> Any:
        if isinstance(value, str):
            given = self._from_shell(value, key if isinstance(key, str) else None)
            if given is not None:
                return {"$": "shell", **given}
        if value is None or not is_secret:
            return self.encoded(value)
        return unknown("is a secret's value")

    def _encoded(self, value: object, depth: int) -> Any:
        number = self._objects.known(value)
        if number is not None:
            return {"$": "object", "v": number}
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return unknown("is too large to be looked at")
        for kinds, encode in _PLAIN:
            if isinstance(value, kinds):
                return encode(value)
        if isinstance(value, dict):
            pairs = [
                [self._encoded(k, depth + 1), self._encoded(v, depth + 1)] for k, v in list(value.items())
            ]
            return {"$": "dict", "v": pairs}
        if isinstance(value, (list, tuple)):
            return {"$": "tuple", "v": [self._encoded(item, depth + 1) for item in list(value)]}
        if isinstance(value, (set, frozenset)):
            return {"$": "set", "v": [self._encoded(item, depth + 1) for item in list(value)]}
        return _other(value)


def unknown(why: str) -> Note:
    return {"$": "unknown", "v": why}


def _other(value: object) -> Any:
    index = getattr(type(value), "__index__", None)  # NumPy's integers
    if index is not None:
        try:
            return int(index(value))
        except Exception:
            return unknown("is a {} that gives no number".format(type(value).__name__))
    if callable(value):
        return unknown("is a function")
    return unknown("is an object of the class {}".format(type(value).__name__))


def _path(value: PurePath) -> Note:
    return {"$": "path", "v": os.fspath(value)}


_PLAIN: Tuple[Tuple[Any, Callable[[Any], Any]], ...] = (
    ((bool, type(None)), lambda value: value),
    (int, int.__int__),  # also the members of an IntEnum
    (float, lambda value: {"$": "float", "v": float.hex(value)}),
    (str, str.__str__),
    (complex, lambda value: {"$": "complex", "v": [value.real, value.imag]}),
    ((bytes, bytearray), lambda value: {"$": "bytes", "v": bytes(value).hex()}),
    (PurePath, _path),
)
