"""The nouns of a corpus: recording, seizure, annotations. Values only."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seizure.errors import Notice

Layout = Literal["tusz", "chbmit", "siena", "seizeit", "bids"]
Partition = Literal["train", "dev", "eval", ""]


@dataclass(frozen=True, slots=True, order=True)
class Recording:
    """One EDF file and what its place in the corpus says. `recording_id` is unique in the corpus."""

    recording_id: str  # such as aaaaagxr_s018_t000
    path: Path
    patient: str
    layout: Layout
    partition: Partition = ""  # the folder of an official split; "" where the corpus has none
    annotation_path: Path | None = None  # None: the file is missing, the recording is unlabelled


@dataclass(frozen=True, slots=True, order=True)
class Seizure:
    """One seizure (or one detection), in seconds from the recording's start: start_s < stop_s."""

    start_s: float
    stop_s: float
    label: str = "seiz"
    confidence: float = 1.0  # of a detection: 0 to 1

    @property
    def duration_s(self) -> float:
        return self.stop_s - self.start_s


@dataclass(frozen=True, slots=True)
class Annotations:
    """All seizures of one recording, sorted, disjoint and within it. `notices` say what was mended."""

    seizures: tuple[Seizure, ...]
    notices: tuple[Notice, ...] = ()

    @property
    def seizure_s(self) -> float:
        return sum(seizure.duration_s for seizure in self.seizures)
