"""skipped.tsv: which recordings were left out of training, and why: never one without a line."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seizure.corpus.recording import Recording
from seizure.errors import CorpusError, Fault, RecordingError
from training_kit.files import write_bytes

HEADER = "recording_id\tpath\tfault\tdetail"


@dataclass(frozen=True, slots=True)
class Skipped:
    """One recording that was left out."""

    recording_id: str
    path: Path
    fault: Fault
    detail: str

    @classmethod
    def of(cls, recording: Recording, error: RecordingError) -> "Skipped":
        """The error's own file is named too where it is another (the annotation file)."""
        where = "" if error.path == recording.path else f"{error.path.name}: "
        return cls(recording.recording_id, recording.path, error.fault, where + error.detail)


def write_skipped(path: Path, skipped: Iterable[Skipped]) -> None:
    """Writes the whole file at once, by recording_id; a header alone says that none was skipped."""
    rows = sorted(skipped, key=lambda one: (one.recording_id, one.fault))
    lines = [HEADER, *("\t".join(map(_cell, (s.recording_id, s.path, s.fault, s.detail))) for s in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))


def read_skipped(path: Path) -> list[Skipped]:
    """What `write_skipped` wrote. Raises CorpusError where the file is missing or no such thing."""
    try:
        text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; is this a run's folder?") from None
    lines = text.split("\n")
    if lines[0] != HEADER:
        raise CorpusError(f"{path}: not a list of skipped recordings: its first line should be {HEADER!r}")
    return [_parse(path, row) for row in lines[1:] if row]


def _parse(path: Path, row: str) -> Skipped:
    try:
        name, recording, fault, detail = row.split("\t")
        return Skipped(name, Path(recording), Fault(fault), detail)
    except ValueError:
        raise CorpusError(f"{path}: not a line of skipped recordings: {row[:80]!r}") from None


def _cell(value: object) -> str:
    return " ".join(str(value).split())
