"""A process's input and output, as the supervisor keeps them for clients that name offsets.

Output goes to a file whose offsets are those of the stream: whoever asks again reads it there, also after the
engine was killed. What clients have taken is given back to the disk, and a process that is far ahead of them
waits. Who starts and ends processes is execs.py.
"""

from __future__ import annotations

import errno
import fcntl
import os
import selectors
from typing import Callable

from . import kernel

READ_BYTES = 65536
AHEAD_BYTES = 64 << 20  # of output that nobody has taken; then the process waits
KEPT_BYTES = 8 << 20  # of what was taken: a client whose connection broke asks for it again
PENDING_BYTES = 1 << 20  # of input that the process has not read
_SET_PIPE_SIZE = 1031  # Python 3.9 has no name for it
_END_OF_FILE = b"\x04"  # Ctrl-D


class Output:
    """One stream, read from `source`, which is closed with it."""

    def __init__(self, path: str, source: int, selector: selectors.BaseSelector) -> None:
        self.written = 0
        self.rest = b""  # what the disk had no room for
        self.is_at_end = False
        self.on_change: Callable[[], None] = lambda: None
        self._taken = 0
        self._freed = 0
        self._is_dropping = False
        self._is_watched = False
        self._source = source
        self._selector = selector
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.set_blocking(source, False)
        self._watch()

    def take(self, offset: int) -> None:
        """A client has everything before `offset`."""
        self._taken = max(self._taken, min(offset, self.written))
        free = (self._taken - KEPT_BYTES) // READ_BYTES * READ_BYTES
        if free > self._freed:
            try:
                kernel.punch_hole(self._file, self._freed, free - self._freed)
                self._freed = free
            except OSError:
                pass  # this file system cannot; the file goes with the container
        self._watch()

    def retry(self) -> None:
        """Writes again what the disk had no room for."""
        if self.rest:
            self._write(b"")
            self._watch()

    def drain(self) -> None:
        """Takes what is there now."""
        while not self.rest and self._read():
            pass

    def drop(self) -> None:
        """What comes from now on is thrown away: who wrote for the client has ended."""
        self._is_dropping = True
        if self.is_at_end:
            self.close()
        self._watch()

    def close(self) -> None:
        if self._source >= 0:
            self.is_at_end = True
            self._watch()
            os.close(self._source)
            self._source = -1
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _watch(self) -> None:
        is_wanted = not self.is_at_end and (
            self._is_dropping or (not self.rest and self.written - self._taken < AHEAD_BYTES)
        )
        if is_wanted and not self._is_watched:
            self._selector.register(self._source, selectors.EVENT_READ, self._hear)
        elif self._is_watched and not is_wanted:
            self._selector.unregister(self._source)
        self._is_watched = is_wanted

    def _hear(self, _: object) -> None:
        self._read()
        self.on_change()

    def _read(self) -> bool:
        """Whether there may be more."""
        if self.is_at_end:
            return False
        try:
            data = os.read(self._source, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that nobody has open any more
                raise
            data = b""
        self.is_at_end = not data
        if data and not self._is_dropping:
            self._write(data)
        if self.is_at_end and self._is_dropping:
            self.close()
        self._watch()
        return bool(data)

    def _write(self, data: bytes) -> None:
        rest = self.rest + data
        try:
            while rest:
                count = os.pwrite(self._file, rest, self.written)
                self.written += count
                rest = rest[count:]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        self.rest = rest


class Input:
    """What clients write to a process, each byte once: they name the offset of what they send."""

    def __init__(self, target: int, selector: selectors.BaseSelector, *, is_terminal: bool) -> None:
        self.offset = 0
        self.is_closed = False
        self.on_change: Callable[[], None] = lambda: None
        self._pending = bytearray()
        self.is_full = False  # somebody was told to wait
        self._is_ending = False
        self._is_watched = False
        self._is_terminal = is_terminal
        self._target = target
        self._selector = selector
        os.set_blocking(target, False)
        try:
            fcntl.fcntl(target, _SET_PIPE_SIZE, PENDING_BYTES)
        except OSError:
            pass  # a terminal, or a user who has many pipes

    def write(self, offset: int, data: bytes, is_last: bool) -> str:
        """Takes as much as there is room for; `offset` says how much that was. Returns what is wrong."""
        if offset > self.offset:
            return "bytes {} to {} of its input are missing".format(self.offset, offset)
        new = data[self.offset - offset :]
        if self.is_closed:
            return "its input is closed" if new else ""
        if self._is_ending:
            return "its input was ended before" if new else ""
        accepted = new[: PENDING_BYTES - len(self._pending)]
        self._pending += accepted
        self.is_full = len(accepted) < len(new)
        self.offset += len(accepted)
        if is_last and len(accepted) == len(new):
            self._is_ending = True
            if self._is_terminal:
                self._pending += _END_OF_FILE
        self._flush()
        return ""

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._pending.clear()
            self._watch()
            os.close(self._target)

    def _flush(self, _: object = None) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(self._target, self._pending)]
        except BlockingIOError:
            pass
        except OSError:  # it closed its input, or ended
            self.close()
        if self._is_ending and not self._pending and not self._is_terminal:
            self.close()
        self._watch()
        if self.is_full and len(self._pending) <= PENDING_BYTES // 2:
            self.is_full = False
            self.on_change()

    def _watch(self) -> None:
        is_wanted = bool(self._pending) and not self.is_closed
        if is_wanted and not self._is_watched:
            self._selector.register(self._target, selectors.EVENT_WRITE, self._flush)
        elif self._is_watched and not is_wanted:
            self._selector.unregister(self._target)
        self._is_watched = is_wanted
