"""The output of an image's build: a file for each image, written as it comes, followed by those who wait.

The framing is that of all logs (plan/log_records.py). A position in it, as clients keep
it, is an offset in bytes.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from homeport.control.log_files import Line, Selection, split_lines
from homeport.model.home import Home
from homeport.plan.log_records import STDOUT, SYSTEM, Record, decode, encode

_BLOCK_BYTES = 256 * 1024
_MOST_BYTES = 64 * 1024 * 1024  # of what steps print: one that never stops must not fill the disk


class ImageLog:
    """A log that a build writes. `changed` is set anew after each piece of output and at the end."""

    def __init__(self, home: Home, image_id: str) -> None:
        self._file = log_path(home, image_id).open("ab", buffering=0)
        self._waiting: list[asyncio.Future[None]] = []
        self._left_bytes = _MOST_BYTES

    def write(self, text: str) -> None:
        """Output of a step."""
        if self._left_bytes > 0:
            self._left_bytes -= len(text)
            self._write(STDOUT, text)
            if self._left_bytes <= 0:
                self.say(f"\n(more than {_MOST_BYTES >> 20} MiB of output: the rest is left out)\n")

    def say(self, text: str) -> None:
        """A line of the engine's own."""
        self._write(SYSTEM, text)

    def _write(self, fd: int, text: str) -> None:
        if self._file.closed:  # its build ended; the step goes on for another that waits for it
            return
        with contextlib.suppress(OSError):  # a full disk: the build itself will say so, if it needs room
            self._file.write(encode(time.time(), fd, text.encode("utf-8", "replace")))
        self.wake()

    def wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Returns when there may be more, or after the timeout."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await asyncio.wait([future], timeout=timeout_s)
        if future in self._waiting:
            self._waiting.remove(future)

    def close(self) -> None:
        self._file.close()
        self.wake()


def read_log(home: Home, image_id: str, offset: int) -> Iterator[Record]:
    """The log's whole records from an offset on, a block of them at most."""
    try:
        with log_path(home, image_id).open("rb") as file:
            file.seek(offset)
            yield from decode(file.read(_BLOCK_BYTES), offset, at_end=False)
    except FileNotFoundError:  # an image that had nothing to build
        return


def log_lines(
    home: Home, image_id: str, selection: Selection, since_s: float, until_s: float
) -> Iterator[Line]:
    """The lines of a build's log within a time range."""
    offset = 0
    while records := list(read_log(home, image_id, offset)):
        offset = records[-1].end
        for record in records:
            if since_s <= record.time_s <= until_s:
                text = record.data.decode("utf-8", "replace")
                lines = (Line(record.time_s, record.fd, part, "", "") for part in split_lines(text))
                yield from (line for line in lines if selection.wants(line))


def log_path(home: Home, image_id: str) -> Path:
    return home.logs / f"{image_id}.log"
