"""Events as HED-SCORE TSV, the form that SzCORE reads and writes.

Columns: onset and duration in seconds, eventType (`sz` and its kinds, `bckg`), confidence and channels (or
`n/a`), dateTime (the recording's start) and recordingDuration in seconds. A recording without events has one
`bckg` row, since SzCORE takes the recording's duration from the first row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from seizure.corpus.recording import Seizure
from seizure.errors import Fault, RecordingError
from training_kit.files import write_text

COLUMNS = ("onset", "duration", "eventType", "confidence", "channels", "dateTime", "recordingDuration")
DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
UNKNOWN_START = datetime(2000, 1, 1)  # SzCORE refuses a row without a date; this is what its own samples say


@dataclass(frozen=True, slots=True)
class EventFile:
    """What a file of events says: `duration_s` is None where it does not say the recording's duration."""

    seizures: tuple[Seizure, ...]
    duration_s: float | None
    start: datetime | None = None


def write_tsv(
    path: Path, events: Sequence[Seizure], duration_s: float, start: datetime | None = None
) -> None:
    """Writes `tsv_text` to `path`, whole or not at all."""
    write_text(path, tsv_text(events, duration_s, start))


def tsv_text(events: Sequence[Seizure], duration_s: float, start: datetime | None = None) -> str:
    """`events` of a recording of `duration_s` that began at `start`; times have 4 decimals."""
    tail = ["n/a", (start or UNKNOWN_START).strftime(DATE_FORMAT), f"{duration_s:.4f}"]
    rows = [list(COLUMNS)]
    for event in events:
        onset, stop = round(event.start_s, 4), round(event.stop_s, 4)
        kind = event.label if event.label.startswith("sz") else "sz"
        rows.append([f"{onset:.4f}", f"{stop - onset:.4f}", kind, f"{event.confidence:.4f}", *tail])
    if not events:
        rows.append(["0.0000", f"{duration_s:.4f}", "bckg", "n/a", *tail])
    return "".join("\t".join(row) + "\n" for row in rows)


def read_tsv(path: Path) -> EventFile:
    """Reads what `write_tsv` or SzCORE wrote; rows that are no seizure are left out.

    The plain type `sz` is read as `seiz`. Raises RecordingError where the file cannot be read or is
    malformed.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(path, Fault.UNREADABLE, str(error)) from None
    if not lines or not set(COLUMNS[:3]) <= set(lines[0].split("\t")):
        raise _malformed(path, 1, f"the columns should be {' '.join(COLUMNS)}")
    names = lines[0].split("\t")
    rows = [_row(path, number, names, line) for number, line in enumerate(lines[1:], 2) if line.strip()]
    durations = [_number(path, 2, rows[0].get("recordingDuration", "n/a"))] if rows else []
    seizures = [_seizure(path, number, row) for number, row in enumerate(rows, 2) if _is_seizure(row)]
    return EventFile(tuple(sorted(seizures)), durations[0] if durations else None, _start(path, rows))


def _row(path: Path, number: int, names: list[str], line: str) -> dict[str, str]:
    cells = line.split("\t")
    if len(cells) != len(names):
        raise _malformed(path, number, f"{len(cells)} cells where the header has {len(names)}")
    return dict(zip(names, cells, strict=True))


def _is_seizure(row: dict[str, str]) -> bool:
    return row["eventType"].startswith("sz")


def _seizure(path: Path, number: int, row: dict[str, str]) -> Seizure:
    onset, duration = _number(path, number, row["onset"]), _number(path, number, row["duration"])
    if onset is None or duration is None or onset < 0 or duration <= 0:
        raise _malformed(path, number, "onset and duration should be seconds, the duration above 0")
    confidence = _number(path, number, row.get("confidence", "n/a"))
    kind = row["eventType"]
    return Seizure(
        onset, onset + duration, "seiz" if kind == "sz" else kind, 1.0 if confidence is None else confidence
    )


def _number(path: Path, number: int, text: str) -> float | None:
    if text.strip() in ("n/a", ""):
        return None
    try:
        value = float(text)
    except ValueError:
        raise _malformed(path, number, f"{text!r} is no number") from None
    if not math.isfinite(value):
        raise _malformed(path, number, f"{text!r} is no time")
    return value


def _start(path: Path, rows: list[dict[str, str]]) -> datetime | None:
    text = rows[0].get("dateTime", "n/a") if rows else "n/a"
    if text == "n/a":
        return None
    try:
        return datetime.strptime(text, DATE_FORMAT)
    except ValueError:
        raise _malformed(path, 2, f"{text!r} is no date such as 2000-01-31 08:00:00") from None


def _malformed(path: Path, number: int, detail: str) -> RecordingError:
    return RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"line {number}: {detail}")
