"""What a run's folder tells, as values. Every part may be missing: unfinished runs have a report too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seizure.config import Resolved
from seizure.report.choose import Scored
from seizure.report.curves import Point

Series = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the verification. `verdict`: verified, mismatch or unfinished (not seen yet)."""

    name: str
    expected: str
    seen: str
    verdict: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """One scorer's figures. None: without a meaning (no seizure, no detection)."""

    scorer: str
    sensitivity: float | None
    precision: float | None
    f1: float | None
    false_alarms_per_day: float | None
    hits: float | None = None
    misses: float | None = None
    false_alarms: float | None = None


@dataclass(frozen=True, slots=True)
class SplitScores:
    """What was scored of one split."""

    split: str  # val or eval
    rows: tuple[ScorerRow, ...]
    threshold: float
    threshold_origin: str
    curve: tuple[Point, ...]
    chosen: Point | None
    recordings: Mapping[str, Scored]
    hours: float
    seizures: int
    auroc: float | None = None  # of samples
    scored_before: int = 0  # how often the same recordings were scored before: more than once is a warning
    checkpoint: str = ""
    unreadable: Mapping[str, str] = field(default_factory=dict)  # count as without detections; why
    unlabelled: Mapping[str, str] = field(default_factory=dict)  # left out, having no truth; why
    lengths_fitted: Mapping[str, float] = field(default_factory=dict)  # of post-processing, in seconds


@dataclass(frozen=True, slots=True)
class SplitData:
    """What the run has of one split; all but `recordings` are counted over those that the cache holds."""

    split: str
    recordings: int
    patients: int | None
    hours: float | None
    seizures: int | None
    seizure_s: float | None
    cached: int


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """The cache's loss, over the recordings of this run."""

    folder: str
    shards: int
    bytes: int
    hours: float
    clipped_share: float
    worst_clipped: tuple[str, float]
    rms_error_uv: float  # median over recordings
    worst_error_uv: tuple[str, float]
    notices: Mapping[str, int] = field(default_factory=dict)  # by kind


class Signals(Protocol):
    """Where the pictures' EEG comes from: the cache."""

    def excerpt_uv(
        self, recording_id: str, start_s: float, stop_s: float
    ) -> tuple[NDArray[np.float32], tuple[str, ...], int] | None:
        """(x_uv_CT, channels, rate_hz) of that window; None where the recording is not at hand."""
        ...


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything that the report shows."""

    folder: Path
    name: str
    resolved: Resolved | None
    state: Mapping[str, Any]
    started: str
    checks: tuple[Check, ...]
    verification_words: str
    scores: tuple[SplitScores, ...]
    loss: Series
    val_loss: Series
    learning_rate: Series
    windows_a_s: Series
    loader_share: Series
    splits: tuple[SplitData, ...]
    skipped: tuple[tuple[str, str, str], ...]  # recording, fault, detail
    cache: CacheFigures | None
    signals: Signals | None
    is_synthetic: bool
    missing: tuple[str, ...]  # what could not be shown, in words

    @property
    def kind(self) -> str:
        return self.resolved.config.kind if self.resolved else "unknown"
