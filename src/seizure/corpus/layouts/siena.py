"""Siena scalp EEG: `PNxx/PNxx-n.edf`, with one `Seizures-list-PNxx.txt` in prose for all of a patient.

The list gives clock times. What is irregular in the published lists and is understood here: `.` and `:`
between hours, minutes and seconds, a space within the hour, two times on a line, names such as PNO6-1.edf
(letter O), PN01.edf and PN11-.edf, one header for several seizures, a header before the first seizure,
recordings over midnight, and an hour's slip in PN00-3.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seizure.corpus.recording import Recording, Seizure
from seizure.corpus.text import annotation_file, malformed, read_text
from seizure.corpus.tree import Folder
from seizure.edf import open_edf
from seizure.errors import Fault, Notice, RecordingError

PATTERN = re.compile(r"(PN\d+)-[\d.]+\.edf", re.IGNORECASE)
LOOKED_FOR = "PNxx/PNxx-n.edf with Seizures-list-PNxx.txt (Siena)"

DAY_S = 86_400
CLOCKS_APART_S = 600
"""List and EDF header may disagree on the start by this much; the header's clock is the signal's."""

# (file, what the list says) -> what it must mean: the recording ends at 18.57.13, the seizure lasts a minute
CORRECTIONS = {("pn00-3", "19.29.29"): "18.29.29"}

_TIME = re.compile(r"(\d\s?\d?)\s*[.:;]\s*(\d\d)\s*[.:;]\s*(\d\d)(?!\d)")
_FIELDS = (
    ("file", re.compile(r"file\s*name\s*:?(.*)", re.IGNORECASE)),
    ("registration", re.compile(r"registration\s*start\s*time\s*:?(.*)", re.IGNORECASE)),
    ("", re.compile(r"registration\s*end\s*time\s*:?(.*)", re.IGNORECASE)),
    ("start", re.compile(r"(?:seizure\s*)?start\s*time\s*:?(.*)", re.IGNORECASE)),
    ("stop", re.compile(r"(?:seizure\s*)?end\s*time\s*:?(.*)", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One seizure of the list: the file as the list spells it, clock times in seconds since midnight."""

    line: int
    file: str
    registration_s: int
    start_s: int
    stop_s: int
    notices: tuple[Notice, ...] = ()


def find(folder: Folder, root_name: str) -> Iterator[Recording]:
    for name in folder.edf_names():
        match = PATTERN.fullmatch(name)
        if match:
            patient = match[1].upper()
            wanted = f"seizures-list-{patient}.txt".lower()
            beside = next((one for one in folder.names if one.lower() == wanted), None)
            yield Recording(
                recording_id=name[:-4],
                path=Path(folder.path, name),
                patient=patient,
                layout="siena",
                annotation_path=Path(folder.path, beside) if beside else None,
            )


def read(recording: Recording, duration_s: float) -> tuple[list[Seizure], list[Notice]]:
    """A recording that the list does not name has no seizures, once all that it does name is found."""
    path = annotation_file(recording)
    stems = _stems_beside(path)
    ours = [
        entry
        for entry in parse(path, read_text(path))
        if _file_of(path, entry, stems) == recording.path.stem.lower()
    ]
    if not ours:
        return [], []
    registration_s, notices = _registration(recording, ours[0])
    seizures = []
    for entry in ours:
        start_s = (entry.start_s - registration_s) % DAY_S
        seizures.append(Seizure(start_s, start_s + (entry.stop_s - entry.start_s) % DAY_S))
    return seizures, [*(notice for entry in ours for notice in entry.notices), *notices]


def stated_duration_s(recording: Recording) -> float | None:
    return None  # the annotations do not say


@dataclass(slots=True)
class _State:
    """What has been said so far: a file's name and registration time hold until there is another."""

    file: str = ""
    registration_s: int | None = None
    start_s: int | None = None
    start_line: int = 0
    notices: list[Notice] = field(default_factory=list)


def parse(path: Path, text: str) -> list[Entry]:
    """All seizures of a list, in its order. Raises RecordingError where one cannot be read."""
    entries: list[Entry] = []
    state = _State()
    for line, raw in enumerate(text.splitlines(), start=1):
        name, words = _field(raw.strip())
        if name == "file":
            if words.lower() != state.file.lower():
                state.registration_s = None
            state.file = words
        elif name == "registration":
            state.registration_s = _times(path, line, words)[0]
        elif name == "start":
            _require_closed(path, state)
            state.start_s, state.start_line = min(_several(path, line, words, state.notices)), line
        elif name == "stop":
            entries.append(_entry(path, line, words, state))
            state.start_s, state.notices = None, []
    _require_closed(path, state)
    if not entries:
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, "no seizure in a list of seizures")
    return entries


def _entry(path: Path, line: int, words: str, state: _State) -> Entry:
    if state.start_s is None or state.registration_s is None or not state.file:
        raise malformed(path, line, "a seizure's end without its start, file or registration time")
    right = _corrected(path, state.file, words, state.notices)
    stop_s = max(_several(path, line, right, state.notices))
    return Entry(
        state.start_line, state.file, state.registration_s, state.start_s, stop_s, tuple(state.notices)
    )


def _require_closed(path: Path, state: _State) -> None:
    if state.start_s is not None:
        raise malformed(path, state.start_line, "a seizure's start without its end")


def _field(words: str) -> tuple[str, str]:
    for name, pattern in _FIELDS:
        if match := pattern.fullmatch(words):
            return name, match[1].strip()
    return "", ""


def _times(path: Path, line: int, words: str) -> list[int]:
    """Clock times in `words`, in seconds since midnight; at least one."""
    found = []
    for hour, minute, second in _TIME.findall(words):
        parts = int(hour.replace(" ", "")), int(minute), int(second)
        if parts[0] > 23 or parts[1] > 59 or parts[2] > 59:
            raise malformed(path, line, f"no time of day: {words[:40]!r}")
        found.append(parts[0] * 3600 + parts[1] * 60 + parts[2])
    if not found:
        raise malformed(path, line, f"no time of day: {words[:40]!r}")
    return found


def _several(path: Path, line: int, words: str, notices: list[Notice]) -> list[int]:
    times = _times(path, line, words)
    if len(times) > 1:
        said = f"{path.name}: line {line} gives {len(times)} times, the widest interval is taken"
        notices.append(Notice(Fault.MALFORMED_ANNOTATIONS, said))
    return times


def _corrected(path: Path, file: str, words: str, notices: list[Notice]) -> str:
    right = CORRECTIONS.get((_stem(file), words))
    if right is None:
        return words
    said = f"{path.name}: {words} in {file} is taken as {right}"
    notices.append(Notice(Fault.MALFORMED_ANNOTATIONS, said))
    return right


def _stem(name: str) -> str:
    stem = name.strip().lower().removesuffix(".edf").replace(" ", "")
    return re.sub(r"^pno", "pn0", stem)


def _stems_beside(path: Path) -> list[str]:
    return sorted(one.stem.lower() for one in path.parent.iterdir() if PATTERN.fullmatch(one.name))


def _file_of(path: Path, entry: Entry, stems: list[str]) -> str:
    """Which file an entry means. A name without a number means a patient's only recording."""
    stem = _stem(entry.file)
    if stem in stems or PATTERN.fullmatch(f"{stem}.edf"):  # a recording that is not there harms no other
        return stem
    if len(stems) == 1 and re.fullmatch(r"pn\d+-?", stem):
        return stems[0]
    raise malformed(path, entry.line, f"which recording is {entry.file!r}?")


def _registration(recording: Recording, entry: Entry) -> tuple[int, list[Notice]]:
    """When the recording starts: the EDF header's clock where it is near the list's, else the list's."""
    path = annotation_file(recording)
    try:
        start = open_edf(recording.path, allow_truncated=True).start
    except RecordingError:
        start = None
    if start is None:
        return entry.registration_s, []
    header_s = start.hour * 3600 + start.minute * 60 + start.second
    apart_s = (header_s - entry.registration_s + DAY_S // 2) % DAY_S - DAY_S // 2
    if apart_s == 0:
        return entry.registration_s, []
    if abs(apart_s) > CLOCKS_APART_S:
        said = f"{path.name}: {entry.file} starts {apart_s:+d} s from what the list says; that is believed"
        return entry.registration_s, [Notice(Fault.MALFORMED_ANNOTATIONS, said)]
    said = (
        f"{path.name}: {entry.file} starts {apart_s:+d} s from what the list says; the EDF's clock is taken"
    )
    return header_s, [Notice(Fault.MALFORMED_ANNOTATIONS, said)]
