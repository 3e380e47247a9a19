"""What the annotations of recordings say, each within its recording: one at a time, or a whole corpus."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seizure.corpus.header import read_header
from seizure.corpus.intervals import normalise
from seizure.corpus.layouts import LAYOUTS
from seizure.corpus.recording import Annotations, Recording
from seizure.corpus.skipped import Skipped
from seizure.errors import CorpusError, RecordingError

THREADS = 16  # a corpus on a network volume answers slowly, but many at once


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """Annotations and durations by recording_id, and what has none, with the reason."""

    annotations: dict[str, Annotations]
    durations_s: dict[str, float]
    skipped: tuple[Skipped, ...]

    @property
    def seizure_s(self) -> dict[str, float]:
        return {name: annotations.seizure_s for name, annotations in self.annotations.items()}

    def require_seizures(self, root: Path | str) -> None:
        """Raises CorpusError where no annotation holds a seizure: training would learn nothing from it."""
        if any(annotations.seizures for annotations in self.annotations.values()):
            return
        skipped = f" and {len(self.skipped)} were skipped ({self.skipped[0].detail})" if self.skipped else ""
        raise CorpusError(
            f"{root}: not one seizure in the annotations of {len(self.annotations)} recordings{skipped}; "
            "see `python -m seizure validate`"
        )


def read_annotations(recording: Recording, duration_s: float) -> Annotations:
    """The recording's seizures, sorted, disjoint, within 0 to `duration_s`. Raises RecordingError."""
    seizures, notices = LAYOUTS[recording.layout].read(recording, duration_s)
    path = recording.annotation_path or recording.path
    return normalise(path, seizures, duration_s, notices)


def read_all_annotations(recordings: Sequence[Recording]) -> LabelledCorpus:
    """Annotations of all recordings; durations are those that EDF headers state."""
    annotations: dict[str, Annotations] = {}
    durations_s: dict[str, float] = {}
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for recording, read in zip(recordings, pool.map(_read_one, recordings), strict=True):
            if isinstance(read, RecordingError):
                skipped.append(Skipped.of(recording, read))
            else:
                durations_s[recording.recording_id], annotations[recording.recording_id] = read
    return LabelledCorpus(annotations, durations_s, tuple(skipped))


def _read_one(recording: Recording) -> tuple[float, Annotations] | RecordingError:
    try:
        duration_s = read_header(recording.path).duration_s
        return duration_s, read_annotations(recording, duration_s)
    except RecordingError as error:
        return error
