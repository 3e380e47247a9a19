"""The header of an EDF file, field by field (Kemp et al. 1992; EDF+: Kemp and Olivan 2003).

Only what the bytes say: whether the file holds what its header promises is for `reader`.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from seizure.errors import Fault, Notice, RecordingError

FIXED_BYTES = 256
BYTES_PER_SIGNAL = 256
ANNOTATIONS_LABEL = "EDF Annotations"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# of each signal's fields, in their order in the file: label, transducer, dimension, physical min and max,
# digital min and max, prefiltering, samples a record, reserved
_WIDTHS = {
    "label": 16,
    "transducer": 80,
    "dimension": 8,
    "physical_min": 8,
    "physical_max": 8,
    "digital_min": 8,
    "digital_max": 8,
    "prefiltering": 80,
    "samples": 8,
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal's header. `gain` and `offset`: physical = digital * gain + offset; NaN where impossible."""

    label: str
    dimension: str
    samples_per_record: int
    gain: float
    offset: float

    @property
    def holds_annotations(self) -> bool:
        return self.label == ANNOTATIONS_LABEL


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. `n_records` is -1 where the recording was never closed."""

    signals: tuple[Signal, ...]
    n_records: int
    record_duration_s: float
    start: datetime | None
    kind: str  # "EDF", "EDF+C" or "EDF+D"
    notices: tuple[Notice, ...]

    @property
    def length_bytes(self) -> int:
        return FIXED_BYTES + BYTES_PER_SIGNAL * len(self.signals)

    @property
    def record_bytes(self) -> int:
        return 2 * sum(signal.samples_per_record for signal in self.signals)


def parse_header(path: Path, fixed: bytes, rest: bytes) -> Header:
    """The header of `path` from its first 256 bytes and what follows them (all signals' fields, at least).

    Raises RecordingError: NOT_EDF, HEADER_FIELD, HEADER_LENGTH.
    """
    n_signals = signal_count(path, fixed)
    if len(rest) < BYTES_PER_SIGNAL * n_signals:
        raise RecordingError(
            path, Fault.HEADER_LENGTH, f"the file ends inside the header of {n_signals} signals"
        )
    said_bytes = _integer(path, fixed[184:192], "length of the header")
    true_bytes = FIXED_BYTES + BYTES_PER_SIGNAL * n_signals
    if said_bytes != true_bytes:
        detail = f"it says {said_bytes} bytes, {n_signals} signals make {true_bytes}"
        raise RecordingError(path, Fault.HEADER_LENGTH, detail)
    n_records = _integer(path, fixed[236:244], "number of data records")
    if n_records < -1:
        raise RecordingError(path, Fault.HEADER_FIELD, f"number of data records is {n_records}")
    reserved = fixed[192:236].decode("latin-1").strip()
    kind = reserved[:5] if reserved[:5] in ("EDF+C", "EDF+D") else "EDF"
    signals = _signals(path, rest, n_signals)
    start, notices = _start(fixed, kind)
    return Header(signals, n_records, _record_duration_s(path, fixed, signals), start, kind, notices)


def signal_count(path: Path, fixed: bytes) -> int:
    """How many signals the file has, from its first 256 bytes. Raises RecordingError."""
    if fixed[:1] == b"\xff":
        raise RecordingError(path, Fault.NOT_EDF, "a 24-bit BDF file; convert it to EDF first")
    if len(fixed) < FIXED_BYTES:
        detail = "the file is empty" if not fixed else f"the file has {len(fixed)} bytes, a header 256"
        raise RecordingError(path, Fault.NOT_EDF, detail)
    if fixed[:8].strip() != b"0":
        raise RecordingError(path, Fault.NOT_EDF, "it does not begin with EDF's version, 0")
    n_signals = _integer(path, fixed[252:256], "number of signals")
    if n_signals < 1:
        raise RecordingError(path, Fault.HEADER_FIELD, f"number of signals is {n_signals}")
    return n_signals


def _signals(path: Path, rest: bytes, n_signals: int) -> tuple[Signal, ...]:
    columns: dict[str, list[bytes]] = {}
    begin = 0
    for name, width in _WIDTHS.items():
        columns[name] = [rest[begin + i * width : begin + (i + 1) * width] for i in range(n_signals)]
        begin += width * n_signals
    return tuple(
        _signal(path, {name: column[i] for name, column in columns.items()}) for i in range(n_signals)
    )


def _signal(path: Path, fields: dict[str, bytes]) -> Signal:
    label = fields["label"].decode("latin-1").strip(" \0")
    samples = _integer(
        path, fields["samples"], f"samples in a record of {label or 'a signal without a name'}"
    )
    if samples < 0:
        raise RecordingError(path, Fault.HEADER_FIELD, f"{label} has {samples} samples in a record")
    # a calibration that is no number spoils its own channel only: NaN here, named where the channel is read
    physical_min, physical_max = _number(fields["physical_min"]), _number(fields["physical_max"])
    digital_min, digital_max = _number(fields["digital_min"]), _number(fields["digital_max"])
    digital_range = digital_max - digital_min
    gain = (physical_max - physical_min) / digital_range if digital_range else math.nan
    dimension = fields["dimension"].decode("latin-1").strip(" \0")
    return Signal(label, dimension, samples, gain, physical_min - digital_min * gain)


def _record_duration_s(path: Path, fixed: bytes, signals: tuple[Signal, ...]) -> float:
    duration_s = _number(fixed[244:252])
    only_annotations = all(signal.holds_annotations for signal in signals)
    if not math.isfinite(duration_s) or duration_s < 0 or (duration_s == 0 and not only_annotations):
        said = fixed[244:252].decode("latin-1").strip()
        raise RecordingError(path, Fault.HEADER_FIELD, f"duration of a data record is {said!r}")
    return duration_s


def _start(fixed: bytes, kind: str) -> tuple[datetime | None, tuple[Notice, ...]]:
    """The start from dd.mm.yy and hh.mm.ss; EDF+ says the whole year in the recording's field."""
    date, time = fixed[168:176].decode("latin-1").strip(), fixed[176:184].decode("latin-1").strip()
    try:
        day, month, short_year = _three_numbers(date)
        year = short_year + (1900 if short_year >= 85 else 2000)  # EDF's clipping date
        start = datetime(year, month, day, *_three_numbers(time))
    except ValueError:
        return None, (Notice(Fault.MALFORMED_DATE, f"start {date!r} {time!r} is no date and time"),)
    if kind == "EDF":
        return start, ()
    return _with_whole_year(start, fixed[88:168].decode("latin-1")), ()


def _three_numbers(text: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"(\d\d)[.:/-](\d\d)[.:/-](\d\d)", text, re.ASCII)
    if not found:
        raise ValueError(text)
    return int(found[1]), int(found[2]), int(found[3])


def _with_whole_year(start: datetime, recording_field: str) -> datetime:
    found = re.match(r"Startdate (\d\d)-([A-Z]{3})-(\d{4})\b", recording_field, re.ASCII)
    if not found or found[2] not in MONTHS:
        return start
    try:
        return start.replace(year=int(found[3]), month=MONTHS.index(found[2]) + 1, day=int(found[1]))
    except ValueError:
        return start


def _integer(path: Path, field: bytes, what: str) -> int:
    text = field.decode("latin-1").strip(" \0")
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise RecordingError(path, Fault.HEADER_FIELD, f"{what} is {text!r}, not a number")
    return int(text)


def _number(field: bytes) -> float:
    text = field.decode("latin-1").strip(" \0")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan
