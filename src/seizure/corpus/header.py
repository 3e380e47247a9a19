"""A recording's duration and start from the first 256 bytes of its EDF file, nothing more.

Reading thousands of durations must not cost thousands of full headers; whether the signals can be read is for
`seizure.edf` to find out.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from seizure.errors import Fault, RecordingError

FIXED_BYTES = 256  # EDF specification: the header record's fixed part; each signal adds as many


@dataclass(frozen=True, slots=True)
class Header:
    duration_s: float
    start_time: str  # hh.mm.ss, as it is written


def read_header(path: Path) -> Header:
    """Raises RecordingError: UNREADABLE, NOT_EDF, HEADER_FIELD, NO_RECORDS."""
    try:
        with path.open("rb") as file:
            head = file.read(FIXED_BYTES)
            size_bytes = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise RecordingError(path, Fault.UNREADABLE, str(error.strerror)) from None
    if len(head) < FIXED_BYTES or head[:8].strip() != b"0":
        raise RecordingError(path, Fault.NOT_EDF, f"no EDF header in the first {len(head)} bytes")
    records = _field(path, head[236:244], "number of data records")
    record_s = _field(path, head[244:252], "duration of a data record")
    header_bytes = _field(path, head[184:192], "length of the header")
    if size_bytes < header_bytes:
        raise RecordingError(
            path, Fault.TRUNCATED, f"{size_bytes} bytes, its header alone says {header_bytes:g}"
        )
    if records < 1 or record_s <= 0:
        raise RecordingError(path, Fault.NO_RECORDS, f"{records:g} data records of {record_s:g} s")
    return Header(records * record_s, head[176:184].decode("ascii", errors="replace"))


def _field(path: Path, raw: bytes, name: str) -> float:
    try:
        value = float(raw)
        if not abs(value) < 1e12:  # nan and inf too
            raise ValueError
    except ValueError:
        raise RecordingError(path, Fault.HEADER_FIELD, f"the {name} is {raw!r}") from None
    return value
