"""What the annotations of recordings say, each within its recording: one at a time, or a whole corpus."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from seizure.corpus.intervals import normalise
from seizure.corpus.layouts import LAYOUTS
from seizure.corpus.recording import Annotations, Recording
from seizure.corpus.skipped import Skipped
from seizure.edf import open_edf
from seizure.errors import CorpusError, RecordingError

THREADS = 16  # a corpus on a network volume answers slowly, but many at once


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """What can be used of a corpus, by recording_id, and what cannot, with the reason.

    `unreadable` has what annotations say of recordings whose EDF file cannot be read: in evaluation these are
    recordings without detections. `durations_s` covers them too, as far as their annotations tell.
    """

    annotations: dict[str, Annotations]
    durations_s: dict[str, float]
    unreadable: dict[str, Annotations]
    skipped: tuple[Skipped, ...]

    @property
    def seizure_s(self) -> dict[str, float]:
        return {name: annotations.seizure_s for name, annotations in self.annotations.items()}

    def require_seizures(self, root: Path | str) -> None:
        """Raises CorpusError where no annotation holds a seizure: training would learn nothing from it."""
        if any(annotations.seizures for annotations in self.annotations.values()):
            return
        skipped = (
            f"; {len(self.skipped)} more cannot be used ({self.skipped[0].detail})" if self.skipped else ""
        )
        raise CorpusError(
            f"{root}: not one seizure in the annotations of {len(self.annotations)} recordings{skipped}; "
            "`python -m seizure validate` lists what is wrong"
        )


def read_annotations(recording: Recording, duration_s: float) -> Annotations:
    """The recording's seizures, sorted, disjoint, within 0 to `duration_s`. Raises RecordingError."""
    seizures, notices = LAYOUTS[recording.layout].read(recording, duration_s)
    path = recording.annotation_path or recording.path
    return normalise(path, seizures, duration_s, notices)


def read_reference(recording: Recording) -> tuple[Annotations, float]:
    """The annotations without the EDF file, and the duration in seconds that they state or reach to.

    For a recording whose signal cannot be read, but whose seizures count. Raises RecordingError.
    """
    annotations = read_annotations(recording, math.inf)
    stated_s = LAYOUTS[recording.layout].stated_duration_s(recording)
    reach_s = max((seizure.stop_s for seizure in annotations.seizures), default=0.0)
    return annotations, max(stated_s or 0.0, reach_s)


def read_all_annotations(recordings: Sequence[Recording]) -> LabelledCorpus:
    """Annotations of all recordings; of EDF files only headers are read, for durations."""
    labelled = LabelledCorpus({}, {}, {}, ())
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(THREADS) as pool:
        for recording, read in zip(recordings, pool.map(_read_one, recordings), strict=True):
            name = recording.recording_id
            if read.error is not None:
                skipped.append(Skipped.of(recording, read.error))
            if read.annotations is not None:
                (labelled.unreadable if read.error else labelled.annotations)[name] = read.annotations
                labelled.durations_s[name] = read.duration_s
    return replace(labelled, skipped=tuple(skipped))


@dataclass(frozen=True, slots=True)
class _Read:
    annotations: Annotations | None
    duration_s: float
    error: RecordingError | None


def _read_one(recording: Recording) -> _Read:
    try:
        duration_s = open_edf(recording.path).duration_s
    except RecordingError as error:
        try:
            return _Read(*read_reference(recording), error)
        except RecordingError:
            return _Read(None, 0.0, error)
    try:
        return _Read(read_annotations(recording, duration_s), duration_s, None)
    except RecordingError as error:
        return _Read(None, duration_s, error)
