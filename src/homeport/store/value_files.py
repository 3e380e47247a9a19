"""Large values as files of their own, written once under a name that is never used again.

Which of them are still needed is control/'s matter; what nobody needs is removed by age.
"""

import os
from collections.abc import Collection
from pathlib import Path

from homeport.model.ids import new_id

_PREFIX = "va"


class ValueFiles:
    """The folder of large values."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, value: bytes) -> str:
        """Keeps a value; its name. What a killed engine wrote of one is a file that nobody names."""
        name = new_id(_PREFIX)
        (self._root / name).write_bytes(value)
        return name

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        return (self._root / name).read_bytes()

    def touch(self, name: str) -> None:
        """Makes it as young as a new one."""
        os.utime(self._root / name)

    def remove_old(self, before: float, needed: Collection[str]) -> int:
        """Removes those last touched before a time that are not needed; how many unneeded ones are left."""
        left = 0
        for entry in os.scandir(self._root):
            if entry.name in needed:
                continue
            if entry.stat().st_mtime < before:
                Path(entry.path).unlink()
            else:
                left += 1
        return left
