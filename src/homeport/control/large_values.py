"""Values of Dicts on their way in and out: large ones to files and back, in threads.

A file is removed some minutes after nothing names it any more: a repeated `pop` still needs what the first
one took.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeport.control.expiry import Expiry
from homeport.store.database import Database
from homeport.store.value_files import ValueFiles

LARGE_BYTES: Final = 256 * 1024
UNNAMED_S: Final = 600.0  # longer than an answer is remembered


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value that lies in a file."""

    file: str
    size_bytes: int

    def __len__(self) -> int:
        return self.size_bytes


Value = bytes | LargeValue


class LargeValues:
    """Writes, reads and clears away files of values."""

    def __init__(
        self, db: Database, files: ValueFiles, expiry: Expiry, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._files = files
        self._expiry = expiry
        self._clock = clock
        self._is_first_look = True
        expiry.add(self._expire)

    async def keep(self, value: bytes) -> Value:
        """The value, or the file in which it lies now."""
        if len(value) < LARGE_BYTES:
            return value
        self._expiry.due(self._clock() + UNNAMED_S)
        return LargeValue(await asyncio.to_thread(self._files.write, value), len(value))

    async def load(self, value: Value) -> bytes:
        """Raises FileNotFoundError where another value has taken its place long ago."""
        return value if isinstance(value, bytes) else await asyncio.to_thread(self._files.read, value.file)

    def release(self, value: Value) -> None:
        """Its entry is gone: it is kept for a while, for whoever asks again."""
        if isinstance(value, LargeValue):
            self._files.touch(value.file)
            self._expiry.due(self._clock() + UNNAMED_S)

    def _expire(self, now: float) -> float | None:
        if self._is_first_look:  # answers of the last engine may name files that no entry names
            self._is_first_look = False
            return now + UNNAMED_S
        needed = {row["file"] for row in self._db.all("files_of_dict_entries")}
        # by the files' own clock, which is not that of tests
        return now + UNNAMED_S if self._files.remove_old(time.time() - UNNAMED_S, needed) else None
