"""Notes what the app reads of the launcher's environment while it is loaded, and knows these values again."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, Iterator, List, Optional, Tuple

from homeport.check.inside.frames import Note, Origins, Place

MAX_READS = 10_000


# A read comes through these: Python's own, which are frozen into it from 3.11 on.
_THROUGH = ("os.py", "_collections_abc.py", "<frozen os>", "<frozen _collections_abc>")


class ShellReads:
    """`reads` are those in the user's code, in order: [name or None for all, whether it is set, place]."""

    def __init__(self, origins: Origins) -> None:
        self.reads: List[List[Any]] = []
        self._origins = origins
        self._texts: Dict[int, Tuple[str, str, Optional[Place]]] = {}  # identity to value, name, place
        self._names: Dict[str, Optional[Place]] = {}

    def watch(self) -> None:
        """Makes os.environ tell of its reads. It stays the object that it is."""
        note = self._note

        class Watched(type(os.environ)):  # type: ignore[misc]
            def __getitem__(self, key: Any) -> Any:
                try:
                    value = super().__getitem__(key)
                except KeyError:
                    note(key, None, sys._getframe(1))
                    raise
                note(key, value, sys._getframe(1))
                return value

            def __iter__(self) -> Iterator[Any]:
                note(None, None, sys._getframe(1))
                return iter(list(super().__iter__()))

        Watched.__name__ = Watched.__qualname__ = "_Environ"
        os.environ.__class__ = Watched

    def origin(self, value: str, key: Optional[str]) -> Optional[Note]:
        """The read that gave this very text, else that of the variable of the name `key` with this value.

        Python keeps one object for each text of one character, so that these tell nothing by themselves.
        """
        given = self._texts.get(id(value))
        if given is not None and given[0] is value and len(value) > 1:
            return {"name": given[1], "site": given[2]}
        if key in self._names and _value_now(key) == value:
            return {"name": key, "site": self._names[key]}
        return None

    def texts(self) -> List[str]:
        return [value for value, _, _ in self._texts.values()]

    def _note(self, name: Any, value: Optional[str], frame: Any) -> None:
        while frame is not None and os.path.basename(frame.f_code.co_filename) in _THROUGH:
            frame = frame.f_back
        if frame is None or len(self._texts) > MAX_READS or len(self.reads) > MAX_READS:
            return
        place = self._origins.user_place(frame)
        is_part_of_all = bool(self.reads) and self.reads[-1][0] is None and self.reads[-1][2] == place
        if self._origins.of(frame.f_code.co_filename) == "user" and not is_part_of_all:
            self.reads.append([name, value is not None, place])
        if value is not None:
            self._texts[id(value)] = (value, name, place)
            self._names[name] = place


def _value_now(name: Any) -> Optional[str]:
    data = os.environ._data.get(os.environ.encodekey(name))  # type: ignore[attr-defined]
    return None if data is None else os.environ.decodevalue(data)
