"""Events in the form of TUSZ's .csv_bi: five `#` lines, the column names, a row an event on channel TERM.

A recording without events has one `bckg` row over its whole length, as in TUSZ.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from seizure.corpus.recording import Seizure
from seizure.errors import Fault, RecordingError
from seizure.events.tsv import EventFile
from training_kit.files import write_text

COLUMNS = "channel,start_time,stop_time,label,confidence"
MONTAGE_FILE = "$NEDC_NFC/lib/nedc_eas_default_montage.txt"  # what TUSZ's own files name


def write_csv_bi(path: Path, events: Sequence[Seizure], duration_s: float, recording_id: str) -> None:
    """Writes `csv_bi_text` to `path`, whole or not at all."""
    write_text(path, csv_bi_text(events, duration_s, recording_id))


def csv_bi_text(events: Sequence[Seizure], duration_s: float, recording_id: str) -> str:
    """`events` of the recording `recording_id`, `duration_s` long; times have 4 decimals."""
    lines = [
        "# version = csv_v1.0.0",
        f"# bname = {recording_id}",
        f"# duration = {duration_s:.4f} secs",
        f"# montage_file = {MONTAGE_FILE}",
        "#",
        COLUMNS,
    ]
    for event in events:
        lines.append(f"TERM,{event.start_s:.4f},{event.stop_s:.4f},seiz,{event.confidence:.4f}")
    if not events:
        lines.append(f"TERM,0.0000,{duration_s:.4f},bckg,1.0000")
    return "".join(line + "\n" for line in lines)


def read_csv_bi(path: Path) -> EventFile:
    """The events that `write_csv_bi` (or NEDC's tools) wrote: detections, so the label is `seiz` or `bckg`.

    Reference annotations of a corpus are read by `seizure.corpus`, which mends and names more.
    Raises RecordingError where the file cannot be read or a line is malformed.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(path, Fault.UNREADABLE, str(error)) from None
    body = [(number, line.strip()) for number, line in enumerate(lines, 1) if not line.startswith("#")]
    body = [(number, line) for number, line in body if line]
    if not body or body[0][1] != COLUMNS:
        raise _malformed(path, body[0][0] if body else 1, f"should be {COLUMNS}")
    seizures = [_seizure(path, number, line) for number, line in body[1:]]
    return EventFile(
        tuple(sorted(seizure for seizure in seizures if seizure.label == "seiz")), duration_line_s(lines)
    )


def duration_line_s(lines: Sequence[str]) -> float | None:
    """Seconds of the line `# duration = 301.00 secs`; None where there is none that can be read."""
    for line in lines:
        match = re.match(r"#\s*duration\s*=\s*([0-9]+(?:\.[0-9]*)?)\s*(?:secs?)?\s*$", line)
        if match:
            return float(match[1])
    return None


def _seizure(path: Path, number: int, line: str) -> Seizure:
    cells = line.split(",")
    try:
        _, start, stop, label, confidence = cells
        seizure = Seizure(float(start), float(stop), label, float(confidence))
    except ValueError:
        raise _malformed(path, number, f"{line!r} should be {COLUMNS}") from None
    if label not in ("seiz", "bckg"):
        raise RecordingError(path, Fault.UNKNOWN_LABEL, f"line {number}: {label!r} is neither seiz nor bckg")
    if not (math.isfinite(seizure.stop_s) and 0 <= seizure.start_s < seizure.stop_s):
        raise _malformed(path, number, "start_time should be 0 or more and stop_time above it")
    return seizure


def _malformed(path: Path, number: int, detail: str) -> RecordingError:
    return RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"line {number}: {detail}")
