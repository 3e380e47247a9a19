"""The Temple University Hospital Seizure corpus: `edf/{train,dev,eval}/<patient>/<session>/<montage>/*.edf`.

Annotations lie beside each EDF: `.csv_bi` (seiz and bckg for the whole montage), else `.csv` (seizure types,
a line for each channel and event; the union over channels and types is what counts).
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from seizure.corpus.intervals import join, normalise
from seizure.corpus.recording import Annotations, Partition, Recording, Seizure
from seizure.corpus.text import annotation_file, malformed, number, read_text, unknown_label
from seizure.corpus.tree import Folder
from seizure.errors import Fault, Notice, RecordingError

PATTERN = re.compile(r"[A-Za-z0-9-]+_s\d+_t\d+\.edf", re.IGNORECASE)
LOOKED_FOR = "{train,dev,eval}/<patient>/<session>/<montage>/<patient>_sNNN_tNNN.edf (TUSZ)"

COLUMNS = ("channel", "start_time", "stop_time", "label", "confidence")
SEIZURE_LABELS = frozenset(
    ("seiz", "gnsz", "fnsz", "cpsz", "absz", "spsz", "tcsz", "tnsz", "cnsz", "atsz", "mysz", "nesz")
)
BACKGROUND = "bckg"


def find(folder: Folder, root_name: str) -> Iterator[Recording]:
    """The folder's recordings. The root may be `edf`, any folder above, or one of the three below."""
    lowest_first = (*reversed(folder.parts), root_name)  # folders above `edf` may have such a name too
    partition = next((part for part in lowest_first if part in ("train", "dev", "eval")), "")
    for name in folder.edf_names():
        if PATTERN.fullmatch(name):
            stem = name[:-4]
            beside = next((stem + end for end in (".csv_bi", ".csv") if stem + end in folder.names), None)
            yield Recording(
                recording_id=stem,
                path=Path(folder.path, name),
                patient=stem.partition("_")[0],
                layout="tusz",
                partition=cast(Partition, partition),
                annotation_path=Path(folder.path, beside) if beside else None,
            )


def read(recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    path = annotation_file(recording)
    seizures, notices = _read_raw(path)
    if not seizures and path.suffix == ".csv_bi":
        _require_none_beside(path)
    return seizures, notices


def read_file(path: Path, duration_s: float) -> Annotations:
    """One .csv_bi or .csv by itself. Raises RecordingError."""
    seizures, notices = _read_raw(path)
    return normalise(path, seizures, duration_s, notices)


def _read_raw(path: Path) -> tuple[list[Seizure], list[Notice]]:
    rows = parse_rows(path, read_text(path))
    if path.suffix == ".csv_bi":
        return [seizure for _, seizure in rows if seizure.label != BACKGROUND], []
    return _union_over_channels(path, rows)


def _require_none_beside(path: Path) -> None:
    """TUSZ says each seizure twice: a .csv_bi without those of the .csv has lost them."""
    other = path.with_suffix(".csv")
    try:
        typed, _ = _read_raw(other) if other.exists() else ([], [])
    except RecordingError:
        return  # `validate` names what is wrong there; the .csv_bi is what counts
    if typed:
        seconds = sum(seizure.duration_s for seizure in typed)
        detail = f"0 s of seizures, and {seconds:g} s in {other.name}"
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, detail)


def stated_duration_s(recording: Recording) -> float | None:
    """Of the line `# duration = 301.00 secs`."""
    match = re.search(
        r"^#\s*duration\s*=\s*(\d+(?:\.\d*)?)", read_text(annotation_file(recording)), re.MULTILINE
    )
    return float(match[1]) if match else None


def parse_rows(path: Path, text: str) -> list[tuple[str, Seizure]]:
    """All lines of a .csv or .csv_bi, background too, as (channel, interval), in the order of the file.

    Columns are found by the names in the header line, whatever their order. Raises RecordingError.
    """
    order: dict[str, int] | None = None
    rows: list[tuple[str, Seizure]] = []
    for line, raw in enumerate(text.splitlines(), start=1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in raw.split(",")]
        if order is None:
            order = _order(path, line, cells)
        else:
            rows.append(_row(path, line, cells, order))
    if order is None:
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"no header line {','.join(COLUMNS)}")
    if not rows:  # cut short: a recording without seizures has a line of bckg
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, "no line after the header, not even bckg")
    return rows


def _order(path: Path, line: int, cells: list[str]) -> dict[str, int]:
    names = [cell.lower() for cell in cells]
    missing = [name for name in COLUMNS if names.count(name) != 1]
    if missing:
        raise malformed(
            path, line, f"the header should name {', '.join(missing)} once: {','.join(names)[:80]!r}"
        )
    return {name: names.index(name) for name in COLUMNS}


def _row(path: Path, line: int, cells: list[str], order: dict[str, int]) -> tuple[str, Seizure]:
    if len(cells) <= max(order.values()):
        raise malformed(path, line, f"{len(cells)} columns in place of {len(order)}")
    label = cells[order["label"]].lower()
    start_s, stop_s, confidence = (
        number(path, line, name, cells[order[name]]) for name in ("start_time", "stop_time", "confidence")
    )
    if label != BACKGROUND and label not in SEIZURE_LABELS:
        raise unknown_label(path, line, label, ", ".join((BACKGROUND, *sorted(SEIZURE_LABELS))))
    if stop_s <= start_s and label != BACKGROUND:
        raise malformed(path, line, f"a {label} from {start_s:g} to {stop_s:g} s stops before it starts")
    return cells[order["channel"]], Seizure(start_s, stop_s, label, confidence)


def _union_over_channels(path: Path, rows: list[tuple[str, Seizure]]) -> tuple[list[Seizure], list[Notice]]:
    """Channels overlap one another as a matter of course; disorder within one is worth a notice."""
    channels: dict[str, list[Seizure]] = defaultdict(list)
    for channel, seizure in rows:
        if seizure.label != BACKGROUND:
            channels[channel].append(seizure)
    notices: list[Notice] = []
    unsorted = [name for name, seizures in channels.items() if seizures != sorted(seizures)]
    if unsorted:
        words = f"{path.name}: seizures out of order in {', '.join(sorted(unsorted)[:3])}, sorted"
        notices.append(Notice(Fault.UNSORTED, words))
    return join(sorted(seizure for seizures in channels.values() for seizure in seizures)), notices
