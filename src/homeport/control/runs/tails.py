"""What containers print and note, read as it comes, for those runs that somebody holds to something.

Files only: supervisors write the logs, the processes inside write the notes. Nobody who watches no run pays
for anything here.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from homeport.control.log_files import Source, read_records, to_lines
from homeport.model.home import Home
from homeport.plan.log_cursor import Place
from homeport.plan.log_records import SYSTEM
from homeport.record import notes
from homeport.record.run import Note

logger = logging.getLogger(__name__)

_OUTPUT_WAIT_S = 0.05  # what is printed meanwhile is read at once
_NOTES_EVERY_S = 0.15
_SETTLE_S = 0.3  # from a result to the last line before it, which takes another way
_BLOCK_BYTES = 64 * 1024  # of a log, judged at once; then others have their turn
_LONG_LINE = 64 * 1024


@dataclass(eq=False)
class _Tail:
    """How far one container was read."""

    task_id: str
    notes: Path
    place: Place = field(default_factory=lambda: Place(0))
    notes_read: int = 0
    rest: dict[int, tuple[float, str]] = field(default_factory=dict)  # by stream: a line without an end
    timer: asyncio.TimerHandle | None = None


class Tails:
    """Tells `printed(task_id, lines)` and `noted(task_id, notes)`, in the engine's loop."""

    def __init__(
        self,
        home: Home,
        printed: Callable[[str, Sequence[tuple[float, str]]], None],
        noted: Callable[[str, Sequence[Note]], None],
    ) -> None:
        self._home = home
        self._printed = printed
        self._noted = noted
        self._tails: dict[str, _Tail] = {}
        self._poll: asyncio.TimerHandle | None = None

    def follow(self, task_id: str) -> None:
        """From its first line on, also where it has printed before."""
        if task_id in self._tails:
            return
        self._tails[task_id] = _Tail(task_id, self._home.tasks / task_id / "run" / "notes.jsonl")
        self.grew(task_id)
        if self._poll is None:
            self._poll_notes()

    def is_followed(self, task_id: str) -> bool:
        return task_id in self._tails

    def grew(self, task_id: str) -> None:
        """The container printed something."""
        tail = self._tails.get(task_id)
        if tail is not None and tail.timer is None:
            tail.timer = asyncio.get_running_loop().call_later(_OUTPUT_WAIT_S, self._read_output, tail)

    async def settle(self, task_ids: Sequence[str]) -> None:
        """Returns once all is told that these containers said before now."""
        tails = [self._tails[task_id] for task_id in task_ids if task_id in self._tails]
        if not tails:
            return
        await asyncio.sleep(_SETTLE_S)
        for tail in tails:
            await self._read_all(tail)

    async def end(self, task_id: str) -> None:
        """The container has ended: tells what is left, its unfinished last line too."""
        tail = self._tails.pop(task_id, None)
        if tail is None:
            return
        await self._read_all(tail)
        if tail.rest:
            self._printed(task_id, [*tail.rest.values()])

    def close(self) -> None:
        for timer in (self._poll, *(tail.timer for tail in self._tails.values())):
            if timer is not None:
                timer.cancel()

    async def _read_all(self, tail: _Tail) -> None:
        """Up to where it has come by now; others have their turn between blocks."""
        if tail.timer is not None:
            tail.timer.cancel()
            tail.timer = None
        more = True
        while more:  # what was noted explains what was printed
            more = self._read_notes(tail)
            await asyncio.sleep(0)
        with suppress(OSError):
            end = self._source(tail).path.stat().st_size
            more = end > tail.place.offset
            while more:
                more = self._read_block(tail) and tail.place.offset < end
                await asyncio.sleep(0)

    def _poll_notes(self) -> None:
        self._poll = None
        for tail in list(self._tails.values()):
            self._read_notes(tail)
        if self._tails:
            self._poll = asyncio.get_running_loop().call_later(_NOTES_EVERY_S, self._poll_notes)

    def _read_output(self, tail: _Tail) -> None:
        tail.timer = None
        if self._read_block(tail) and tail.task_id in self._tails:  # it prints faster than is read
            tail.timer = asyncio.get_running_loop().call_later(0, self._read_output, tail)

    def _read_block(self, tail: _Tail) -> bool:
        """Some of what is there; whether there is more."""
        source = self._source(tail)
        found: list[tuple[float, str]] = []
        records, _, more = read_records(source, tail.place, _BLOCK_BYTES)
        for record in records:
            lines, tail.place = to_lines(source, tail.place, record)
            if record.fd != SYSTEM:
                found += [
                    whole
                    for line in lines
                    if (whole := _whole(tail.rest, line.fd, line.time_s, line.text)) is not None
                ]
        if found:
            self._read_notes(tail)  # first, since they say why
            self._printed(tail.task_id, found)
        return more and bool(records)

    def _source(self, tail: _Tail) -> Source:
        path = self._home.logs / f"{tail.task_id}.log"
        return Source(path, 0, tail.task_id, "", first_s=0.0, is_final=False)

    def _read_notes(self, tail: _Tail) -> bool:
        """Some of what is there; whether there may be more."""
        with suppress(OSError):
            if tail.notes.lstat().st_size <= tail.notes_read:
                return False
        before = tail.notes_read
        found, tail.notes_read = notes.read(tail.notes, before, task_id=tail.task_id)
        if found:
            self._noted(tail.task_id, found)
        return tail.notes_read > before


def _whole(rest: dict[int, tuple[float, str]], fd: int, time_s: float, text: str) -> tuple[float, str] | None:
    """A whole line, without its newline; None while its end is missing."""
    time_s, begun = rest.pop(fd, (time_s, ""))
    text = begun + text
    if text.endswith("\n"):
        return time_s, text[:-1]
    if len(text) >= _LONG_LINE:
        return time_s, text
    rest[fd] = (time_s, text)
    return None
