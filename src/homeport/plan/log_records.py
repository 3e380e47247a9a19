"""The framing of log files: a header line `<time> <fd> <length>` and then that many bytes.

Pure functions on bytes; `control/log_files.py` reads the files. A file may end within a record while it is
being written, and may hold damage after a crash or a full disk: what follows the damage is found again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

STDOUT: Final = 1
STDERR: Final = 2
SYSTEM: Final = 3

_HEADER = re.compile(rb"(\d{1,12}\.\d{1,6}) ([123]) (\d{1,9})\n")
_HEADER_AT_LINE_START = re.compile(rb"(?:\A|(?<=\n))\d{9,12}\.\d{6} [123] \d{1,9}\n")
_MAX_HEADER_BYTES: Final = 32
_MAX_PAYLOAD_BYTES: Final = 64 * 1024 * 1024  # longer than any write of a supervisor: damage, not a record


@dataclass(frozen=True, slots=True)
class Record:
    """One piece of output. `end` is the file offset just behind it: a reader goes on from there."""

    time_s: float
    fd: int
    data: bytes
    end: int


def encode(time_s: float, fd: int, data: bytes) -> bytes:
    """A record as it stands in the file."""
    return b"%.6f %d %d\n%b" % (time_s, fd, len(data), data)


def decode(buffer: bytes, offset: int, *, at_end: bool) -> Iterator[Record]:
    """The records in `buffer`, which was read from the file at `offset`.

    Stops at a record that is not complete yet; with `at_end` (nothing more will be written) that rest comes
    too, as what there is of its data. Damage becomes a record of the system that says how many bytes.
    """
    position = 0
    last_time_s = 0.0
    while position < len(buffer):
        header = _HEADER.match(buffer, position)
        if header is None or int(header[3]) > _MAX_PAYLOAD_BYTES:
            if header is None and len(buffer) - position < _MAX_HEADER_BYTES and not at_end:
                return  # perhaps half a header
            resumed = _next_header(buffer, position + 1)
            if resumed is None and not at_end and len(buffer) - position < _MAX_PAYLOAD_BYTES:
                return  # the next header may still come
            skipped = (len(buffer) if resumed is None else resumed) - position
            position += skipped
            yield Record(last_time_s, SYSTEM, _damage(skipped), offset + position)
            continue
        start, length = header.end(), int(header[3])
        last_time_s = float(header[1])
        if start + length > len(buffer):
            if at_end:
                cut = buffer[start:]
                yield Record(last_time_s, int(header[2]), cut, offset + len(buffer))
            return
        position = start + length
        yield Record(last_time_s, int(header[2]), buffer[start:position], offset + position)


def skim(buffer: bytes) -> Iterator[tuple[float, int, bool, int]]:
    """Time, stream, whether it ends a line, and end of each whole record, until one that is damaged or cut.

    Much faster than `decode`, since no data is copied.
    """
    position, match = 0, _HEADER.match
    while (header := match(buffer, position)) is not None:
        length = int(header[3])
        position = header.end() + length
        if position > len(buffer) or length > _MAX_PAYLOAD_BYTES:
            return
        yield float(header[1]), int(header[2]), not length or buffer[position - 1] == 10, position


def whole_records_end(buffer: bytes) -> int:
    """How many bytes of a file are whole records: where a writer that died left a rest, it begins there."""
    end = 0
    for record in decode(buffer, 0, at_end=False):
        end = record.end
    return end


def missing_bytes(buffer: bytes) -> int:
    """How many more bytes than `buffer` its first record needs, 0 where that cannot be told."""
    header = _HEADER.match(buffer)
    if header is None or int(header[3]) > _MAX_PAYLOAD_BYTES:
        return 0
    return max(0, header.end() + int(header[3]) - len(buffer))


def _next_header(buffer: bytes, position: int) -> int | None:
    found = _HEADER_AT_LINE_START.search(buffer, position)
    return None if found is None else found.start()


def _damage(count: int) -> bytes:
    return f"[{count} bytes of this log are damaged]\n".encode()
