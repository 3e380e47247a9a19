"""Where in a log file to begin to read for a time: marks that are remembered, one in a quarter of a MiB.

A file can only be read from its start, since output may look like a record's header. Marks are made while
doing so, once, and a file that grew is read on from its last one. They lie between lines, so that reading
from a mark gives the same text as reading from the start.
"""

import os
import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from homeport.plan import log_records

_MARK_EVERY_BYTES: Final = 256 * 1024
_BLOCK_BYTES: Final = 1024 * 1024
_FILES_KEPT: Final = 512


@dataclass
class _Marks:
    """Of one file: `offsets[i]` is a record's start, `newest_s[i]` the latest time before it."""

    inode: int
    offsets: list[int] = field(default_factory=lambda: [0])
    newest_s: list[float] = field(default_factory=lambda: [0.0])
    reached: int = 0  # all before this offset is seen
    time_s: float = 0.0  # the latest time before `reached`
    open_fds: set[int] = field(default_factory=set)  # streams that are within a line there


class LogIndex:
    """Marks of the files that were asked for lately. May be used from several threads."""

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _Marks] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, path: Path, time_s: float) -> int:
        """An offset before which no record is of `time_s` or later."""
        marks = self._marks(path)
        return marks.offsets[max(0, bisect_left(marks.newest_s, time_s) - 1)]

    def parts(self, path: Path) -> list[int]:
        """The offsets at which the file may be taken apart, from 0 on."""
        return self._marks(path).offsets

    def _marks(self, path: Path) -> _Marks:
        with self._lock:
            known = self._files.pop(path, None)
            try:
                with path.open("rb", buffering=0) as file:
                    state = os.fstat(file.fileno())
                    if known is None or known.inode != state.st_ino or known.reached > state.st_size:
                        known = _Marks(state.st_ino)
                    _extend(known, file.fileno(), state.st_size)
            except FileNotFoundError:
                return _Marks(0)
            self._files[path] = known
            while len(self._files) > _FILES_KEPT:
                self._files.popitem(last=False)
            return _Marks(known.inode, list(known.offsets), list(known.newest_s))


def _extend(marks: _Marks, fd: int, size: int) -> None:
    """Reads what is new. Stops at what is not whole yet; damage is left for the reader, without marks."""
    while marks.reached < size:
        block = os.pread(fd, _BLOCK_BYTES, marks.reached)
        missing = log_records.missing_bytes(block)
        if missing:
            block += os.pread(fd, missing, marks.reached + len(block))
        before = marks.reached
        for time_s, stream, is_whole_line, end in log_records.skim(block):
            marks.reached = before + end
            marks.time_s = max(marks.time_s, time_s)
            (marks.open_fds.discard if is_whole_line else marks.open_fds.add)(stream)
            if not marks.open_fds and marks.reached - marks.offsets[-1] >= _MARK_EVERY_BYTES:
                marks.offsets.append(marks.reached)
                marks.newest_s.append(marks.time_s)
        if marks.reached == before:
            return
