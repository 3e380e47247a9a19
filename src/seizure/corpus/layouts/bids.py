"""BIDS-EEG with events in SzCORE's form: `sub-*/[ses-*/]eeg/*_eeg.edf` beside `*_events.tsv`.

Events have onset and duration in seconds and an eventType of HED-SCORE: `bckg`, or a seizure: `sz`, `sz_...`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from seizure.corpus.recording import Recording, Seizure
from seizure.corpus.text import annotation_file, malformed, number, read_text, unknown_label
from seizure.corpus.tree import Folder
from seizure.errors import Fault, Notice, RecordingError

PATTERN = re.compile(r"sub-([A-Za-z0-9]+)_(?:[^/]*_)?eeg\.edf", re.IGNORECASE)
LOOKED_FOR = "sub-XX/ses-XX/eeg/*_eeg.edf with *_events.tsv (BIDS-EEG)"

BACKGROUND = "bckg"
_SEIZURE = re.compile(r"sz(?:_[A-Za-z0-9_]+)?")


def find(folder: Folder, root_name: str) -> Iterator[Recording]:
    for name in folder.edf_names():
        match = PATTERN.fullmatch(name)
        if match:
            stem = name[: -len("_eeg.edf")]
            beside = stem + "_events.tsv"
            yield Recording(
                recording_id=stem,
                path=Path(folder.path, name),
                patient=f"sub-{match[1]}",
                layout="bids",
                annotation_path=Path(folder.path, beside) if beside in folder.names else None,
            )


def read(recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    path = annotation_file(recording)
    return [event for event in parse(path, read_text(path)) if event.label != BACKGROUND], []


def stated_duration_s(recording: Recording) -> float | None:
    """Of the column recordingDuration, which all lines of SzCORE's form have."""
    lines = [raw.split("\t") for raw in read_text(annotation_file(recording)).splitlines()]
    if len(lines) < 2 or "recordingDuration" not in lines[0]:
        return None
    said = dict(zip(lines[0], lines[1], strict=False)).get("recordingDuration", "")
    return float(said) if re.fullmatch(r"\d+(\.\d*)?", said.strip()) else None


def parse(path: Path, text: str) -> list[Seizure]:
    """Seizures of an events file, and background where its onset and duration are given."""
    lines = [(line, raw) for line, raw in enumerate(text.splitlines(), start=1) if raw.strip()]
    if not lines:
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, "no header line onset, duration, eventType")
    order = _order(path, *lines[0])
    events = [_event(path, line, raw, order) for line, raw in lines[1:]]
    return [event for event in events if event is not None]


def _order(path: Path, line: int, raw: str) -> dict[str, int]:
    names = [cell.strip() for cell in raw.split("\t")]
    missing = [name for name in ("onset", "duration", "eventType") if names.count(name) != 1]
    if missing:
        raise malformed(path, line, f"the header should name {', '.join(missing)} once: {raw[:80]!r}")
    return {name: place for place, name in enumerate(names)}


def _event(path: Path, line: int, raw: str, order: dict[str, int]) -> Seizure | None:
    cells = [cell.strip() for cell in raw.split("\t")]
    if len(cells) <= max(order[name] for name in ("onset", "duration", "eventType")):
        raise malformed(path, line, f"{len(cells)} columns in place of {len(order)}")
    label = cells[order["eventType"]]
    if label == BACKGROUND and "n/a" in (cells[order["onset"]], cells[order["duration"]]):
        return None
    if label != BACKGROUND and not _SEIZURE.fullmatch(label):
        raise unknown_label(path, line, label, "bckg, sz, sz_…")
    onset_s = number(path, line, "onset", cells[order["onset"]])
    lasts_s = number(path, line, "duration", cells[order["duration"]])
    place = order.get("confidence", len(cells))
    said = cells[place] if place < len(cells) else "n/a"
    confidence = 1.0 if said in ("n/a", "") else number(path, line, "confidence", said)
    return Seizure(onset_s, onset_s + lasts_s, label, confidence)
