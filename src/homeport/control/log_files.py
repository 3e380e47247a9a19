"""Reading the log files of an app: what came since an offset, and what lies between two times.

Knows files and text. Who waits for new output, and what a client gets of it, is `control/logs.py`'s.
"""

import codecs
import heapq
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from homeport.control.log_index import LogIndex
from homeport.model.ids import SANDBOX
from homeport.plan import log_records
from homeport.plan.log_cursor import Place
from homeport.plan.log_records import STDERR, STDOUT, SYSTEM, Record

_BLOCK_BYTES: Final = 256 * 1024
_SANDBOX: Final = f"{SANDBOX}-"
_LONG_LINE: Final = 64 * 1024  # characters after which a line need not end to be passed on


class Line(NamedTuple):
    """One line of output, with its newline; without one where the program wrote none yet."""

    time_s: float
    fd: int
    text: str
    task_id: str
    function_id: str
    call_id: str = ""  # the function call and input that printed it, where that can be told
    input_id: str = ""


@dataclass(frozen=True)
class Source:
    """One file, and whose output it holds. The app's own file holds lines of the system for any task."""

    path: Path
    number: int
    task_id: str
    function_id: str
    first_s: float
    is_final: bool  # nothing more will be written


@dataclass(frozen=True)
class Selection:
    """Which lines a reader wants; an empty field selects all."""

    fd: int = 0
    task_id: str = ""
    function_id: str = ""
    text: str = ""
    call_id: str = ""  # files do not know it: `log_calls.owned` selects by it

    def wants_source(self, source: Source) -> bool:
        """Whether a file can hold wanted lines at all."""
        if not source.task_id:
            return self.fd in (0, SYSTEM) and not self.function_id
        if self.task_id and self.task_id != source.task_id:
            return False
        if source.function_id.startswith(_SANDBOX) and not self.task_id:
            return False  # what a sandbox prints is for whoever asks for it
        return not self.function_id or self.function_id == source.function_id

    def wants(self, line: Line) -> bool:
        return (
            (not self.fd or line.fd == self.fd)
            and (not self.task_id or line.task_id == self.task_id)
            and (not self.text or self.text in line.text)
        )


def read_records(
    source: Source, place: Place, block_bytes: int = _BLOCK_BYTES
) -> tuple[list[Record], int, bool]:
    """The records behind `place`, at most `block_bytes` or one record; their start; whether there are more.

    A file that is shorter than the offset was replaced, and is read from its start.
    """
    try:
        with source.path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            offset = place.offset if place.offset <= size else 0
            file.seek(offset)
            block = _read(file.fileno(), min(block_bytes, size - offset))
            missing = log_records.missing_bytes(block)
            if missing and offset + len(block) < size:  # one record that is longer than a block
                block += _read(file.fileno(), missing)
    except FileNotFoundError:
        return [], 0, False
    has_all = offset + len(block) >= size
    records = list(log_records.decode(block, offset, at_end=has_all and source.is_final))
    if not records and not has_all:  # damage longer than a block
        return _skip(block, offset), offset, True
    return records, offset, not has_all


def to_lines(source: Source, place: Place, record: Record) -> tuple[list[Line], Place]:
    """The lines of one record, and the place behind it."""
    if record.fd == SYSTEM:
        return _system_lines(source, record), replace(place, offset=record.end)
    rest = place.stdout_rest if record.fd == STDOUT else place.stderr_rest
    text, rest = _decode(rest, record.data, final=False)
    lines = [
        Line(record.time_s, record.fd, part, source.task_id, source.function_id) for part in split_lines(text)
    ]
    if record.fd == STDOUT:
        return lines, Place(record.end, rest, place.stderr_rest)
    return lines, Place(record.end, place.stdout_rest, rest)


def last_lines(source: Source, place: Place, time_s: float) -> tuple[list[Line], Place]:
    """What is left when a file has ended within a character: the sign for an unknown one."""
    lines = [
        Line(time_s, fd, _decode(rest, b"", final=True)[0], source.task_id, source.function_id)
        for fd, rest in ((STDOUT, place.stdout_rest), (STDERR, place.stderr_rest))
        if rest
    ]
    return lines, Place(place.offset)


def joined(pieces: Iterable[Line]) -> Iterator[Line]:
    """Whole lines from pieces of one file: `print` of an unbuffered stream writes a line in several.

    A line has the time of its first piece. What has no newline yet comes at the end, or when it is long.
    """
    begun: dict[int, Line] = {}
    for piece in pieces:
        line = begun.pop(piece.fd, None)
        line = piece if line is None else line._replace(text=line.text + piece.text)
        if line.text.endswith("\n") or len(line.text) >= _LONG_LINE:
            yield line
        else:
            begun[piece.fd] = line
    yield from begun.values()


def split_lines(text: str) -> list[str]:
    """Lines with their newlines. A carriage return ends none: a progress bar goes on in its line."""
    parts = text.split("\n")
    lines = [part + "\n" for part in parts[:-1]]
    if parts[-1]:
        lines.append(parts[-1])
    return lines


def encode_system_line(time_s: float, task_id: str, text: str) -> bytes:
    """A record of the app's own file: its data is a task's id, which may be empty, a newline, the text."""
    return log_records.encode(time_s, SYSTEM, f"{task_id}\n{text}".encode())


def history(
    sources: Iterable[Source], index: LogIndex, selection: Selection, since_s: float, until_s: float
) -> Iterator[Line]:
    """The wanted lines of since_s <= time < until_s in the order of time. Reads files: use a thread."""
    streams = [
        _between(source, Place(index.start(source.path, since_s)), since_s, until_s)
        for source in sources
        if _may_hold(source, selection, since_s, until_s)
    ]
    return (line for line in heapq.merge(*streams, key=lambda line: line.time_s) if selection.wants(line))


def newest(
    sources: Iterable[Source],
    index: LogIndex,
    selection: Selection,
    since_s: float,
    until_s: float,
    limit: int,
) -> list[Line]:
    """The last `limit` of those lines, oldest first. Reads files from their end: use a thread."""
    found = [
        _newest_of(source, index, selection, since_s, until_s, limit)
        for source in sources
        if _may_hold(source, selection, since_s, until_s)
    ]
    merged = list(heapq.merge(*found, key=lambda line: line.time_s))
    return merged[max(0, len(merged) - limit) :]


def _newest_of(
    source: Source, index: LogIndex, selection: Selection, since_s: float, until_s: float, limit: int
) -> list[Line]:
    """The file is taken apart at the index's marks, and its parts are read from the last one on."""
    lines: list[Line] = []
    first = index.start(source.path, since_s)
    end: int | None = None
    for start in reversed(index.parts(source.path)):
        part = _between(source, Place(start), since_s, until_s, end)
        lines = [line for line in part if selection.wants(line)] + lines
        if len(lines) >= limit or start <= first:
            break
        end = start
    return lines[max(0, len(lines) - limit) :]


def _may_hold(source: Source, selection: Selection, since_s: float, until_s: float) -> bool:
    return (
        selection.wants_source(source) and source.first_s < until_s and _last_write_s(source.path) >= since_s
    )


def place_at(source: Source, index: LogIndex, time_s: float) -> Place:
    """Where the first record of `time_s` or later begins. Reads the file: use a thread."""
    place = Place(index.start(source.path, time_s))
    while True:
        records, _, more = read_records(source, place)
        for record in records:
            if record.time_s >= time_s:
                return place
            place = Place(record.end)
        if not records or not more:
            return place


def _between(
    source: Source, place: Place, since_s: float, until_s: float, end: int | None = None
) -> Iterator[Line]:
    """The lines of a time range in a part of a file, which begins and ends between lines."""
    return joined(_pieces(source, place, since_s, until_s, end))


def _pieces(source: Source, place: Place, since_s: float, until_s: float, end: int | None) -> Iterator[Line]:
    time_s = source.first_s
    while True:
        records, _, more = read_records(source, place)
        for record in records:
            if record.time_s >= until_s or (end is not None and record.end > end):
                return
            time_s = record.time_s
            if time_s < since_s:
                place = Place(record.end)
                continue
            lines, place = to_lines(source, place, record)
            yield from lines
        if not records or not more:
            yield from last_lines(source, place, time_s)[0]
            return


def _system_lines(source: Source, record: Record) -> list[Line]:
    text = record.data.decode(errors="replace")
    task_id = source.task_id
    if not task_id:  # a line of the app's own file
        task_id, _, text = text.partition("\n")
    return [Line(record.time_s, SYSTEM, part, task_id, source.function_id) for part in split_lines(text)]


def _decode(rest: bytes, data: bytes, *, final: bool) -> tuple[str, bytes]:
    if not rest:
        try:
            return data.decode(), b""
        except UnicodeDecodeError:
            pass
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(rest + data, final)
    return text, decoder.getstate()[0]


def _skip(block: bytes, offset: int) -> list[Record]:
    text = f"[{len(block)} bytes of this log are damaged]\n"
    return [Record(0.0, SYSTEM, text.encode(), offset + len(block))]


def _read(fd: int, size: int) -> bytes:
    """Up to `size` bytes; one read of a regular file may return less than asked."""
    parts = []
    while size > 0 and (part := os.read(fd, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _last_write_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
