"""What can go wrong, by name: errors that a user can act on, and the faults of single recordings."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from training_kit.errors import CheckpointError, ConfigError, DivergenceError
from training_kit.errors import UserError as SeizureError

__all__ = [
    "CacheError",
    "CheckpointError",
    "ConfigError",
    "CorpusError",
    "DivergenceError",
    "Fault",
    "Notice",
    "RecordingError",
    "ScoringError",
    "SeizureError",
]


class CorpusError(SeizureError):
    """A corpus that cannot be used: no recordings, wrong counts, no seizures, patients in two splits."""


class CacheError(SeizureError):
    """A cache that cannot be used as asked."""


class ScoringError(SeizureError):
    """Scores that cannot be had as asked: no threshold, no seizures to fit one on, no such split."""


class Fault(StrEnum):
    """Why a recording (or its annotations) cannot be used as it stands. The values appear in skipped.tsv."""

    UNREADABLE = "unreadable"  # the operating system refuses it
    NOT_EDF = "not-edf"  # no EDF header
    HEADER_LENGTH = "header-length"  # the header lies about its own length
    HEADER_FIELD = "header-field"  # a field that is no number, or an impossible one
    TRUNCATED = "truncated"  # fewer data records than the header says
    NO_RECORDS = "no-records"
    DISCONTINUOUS = "discontinuous"  # EDF+D with gaps in time
    DUPLICATE_CHANNELS = "duplicate-channels"
    MISSING_CHANNELS = "missing-channels"  # after interpolation and other names
    MONTAGE = "montage"  # the montage cannot be made of these channels
    RATE = "rate"  # a sampling rate that cannot be used
    MALFORMED_DATE = "malformed-date"
    FLAT_SIGNAL = "flat-signal"
    NAN_SIGNAL = "nan-signal"
    NO_ANNOTATIONS = "no-annotations"  # the file is missing: unlabelled, never "no seizures"
    MALFORMED_ANNOTATIONS = "malformed-annotations"
    UNKNOWN_LABEL = "unknown-label"
    BEYOND_END = "beyond-end"
    UNSORTED = "unsorted"
    OVERLAPPING = "overlapping"
    FAILED = "failed"  # an error in preprocessing it that nobody thought of
    WORKER_DIED = "worker-died"  # the process that preprocessed it ended, twice


class RecordingError(SeizureError):
    """A recording that cannot be used. `fault` names why, `detail` says it in words."""

    def __init__(self, path: Path, fault: Fault, detail: str) -> None:
        super().__init__(f"{path}: {fault.value}: {detail}")
        self.path = path
        self.fault = fault
        self.detail = detail

    def __reduce__(self) -> tuple[object, ...]:  # crosses process boundaries
        return (RecordingError, (self.path, self.fault, self.detail))


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was mended or noticed in a recording that is used all the same."""

    fault: Fault
    detail: str
