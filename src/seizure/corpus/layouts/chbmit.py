"""CHB-MIT: `chbNN/chbNN_MM.edf`, with one `chbNN-summary.txt` for all recordings of a case.

The summary has a paragraph for each file, with times of day and seizures: `Seizure Start Time: 417 seconds`
or `Seizure 1 Start Time: 2670 seconds`. That of chb24 has no times of day, and leaves out its ten files
without seizures.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seizure.corpus.recording import Recording, Seizure
from seizure.corpus.text import annotation_file, malformed, number, read_text
from seizure.corpus.tree import Folder
from seizure.errors import Fault, Notice, RecordingError

PATTERN = re.compile(r"(chb\d+)[a-z]?_\d+\+?\.edf", re.IGNORECASE)
LOOKED_FOR = "chbNN/chbNN_MM.edf with chbNN/chbNN-summary.txt (CHB-MIT)"

# the corpus's own description: case chb21 is the girl of chb01, one and a half years later
SAME_PATIENT = {"chb21": "chb01"}

_FILE = re.compile(r"File Name:(.*)", re.IGNORECASE)
_CLOCK = re.compile(r"File (?:Start|End) Time:.*", re.IGNORECASE)
_COUNT = re.compile(r"Number of Seizures in File:(.*)", re.IGNORECASE)
_EDGE = re.compile(r"Seizure\s*\d*\s*(Start|End) Time:(.*?)(?:seconds?\.?)?", re.IGNORECASE)


@dataclass(slots=True)
class Paragraph:
    """What the summary says about one file. `count` is None where it does not say how many seizures."""

    line: int
    count: int | None = None
    has_clock: bool = False
    edges: list[tuple[int, str, float]] = field(default_factory=list)  # line, start or end, seconds


def find(folder: Folder, root_name: str) -> Iterator[Recording]:
    for name in folder.edf_names():
        match = PATTERN.fullmatch(name)
        if match:
            case = match[1].lower()
            summary = next((one for one in folder.names if one.lower() == f"{case}-summary.txt"), None)
            yield Recording(
                recording_id=name[:-4],
                path=Path(folder.path, name),
                patient=SAME_PATIENT.get(case, case),
                layout="chbmit",
                annotation_path=Path(folder.path, summary) if summary else None,
            )


def read(recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    path = annotation_file(recording)
    summary = parse_summary(path, read_text(path))
    named = summary.get(recording.path.name.lower())
    if named is not None:
        return [seizure for one in named for seizure in _seizures(path, one)], []
    if not _lists_seizures_only(summary):
        raise RecordingError(recording.path, Fault.NO_ANNOTATIONS, f"{path.name} does not name it")
    words = f"{path.name} names recordings with seizures only, and so {recording.path.name} has none"
    return [], [Notice(Fault.NO_ANNOTATIONS, words)]


def _lists_seizures_only(summary: dict[str, list[Paragraph]]) -> bool:
    paragraphs = [one for paragraphs in summary.values() for one in paragraphs]
    return bool(paragraphs) and all(one.edges and not one.has_clock for one in paragraphs)


def stated_duration_s(recording: Recording) -> float | None:
    return None  # the annotations do not say


def parse_summary(path: Path, text: str) -> dict[str, list[Paragraph]]:
    """Paragraphs by file name in small letters."""
    paragraphs: dict[str, list[Paragraph]] = {}
    current: Paragraph | None = None
    for line, raw in enumerate(text.splitlines(), start=1):
        words = raw.strip()
        if match := _FILE.fullmatch(words):
            current = Paragraph(line)
            paragraphs.setdefault(match[1].strip().lower(), []).append(current)
        elif current and _CLOCK.fullmatch(words):
            current.has_clock = True
        elif match := _COUNT.fullmatch(words):
            _within(path, line, current).count = int(number(path, line, "number of seizures", match[1]))
        elif match := _EDGE.fullmatch(words):
            time_s = number(path, line, "time", match[2])
            _within(path, line, current).edges.append((line, match[1].lower(), time_s))
        elif words.lower().startswith("seizure"):
            raise malformed(path, line, f"a seizure that cannot be read: {words[:60]!r}")
    return paragraphs


def _within(path: Path, line: int, current: Paragraph | None) -> Paragraph:
    if current is None:
        raise malformed(path, line, "seizures before the first file name")
    return current


def _seizures(path: Path, paragraph: Paragraph) -> list[Seizure]:
    if [edge for _, edge, _ in paragraph.edges] != ["start", "end"] * (len(paragraph.edges) // 2):
        raise malformed(path, paragraph.edges[0][0], "a seizure's start without its end")
    times_s = [time_s for _, _, time_s in paragraph.edges]
    seizures = [Seizure(start, stop) for start, stop in zip(times_s[::2], times_s[1::2], strict=True)]
    if paragraph.count is None or paragraph.count != len(seizures):
        said = "no number of seizures" if paragraph.count is None else f"{paragraph.count} seizures"
        raise malformed(path, paragraph.line, f"the file has {said}, but {len(seizures)} with times")
    return seizures
