"""What a scorer counts, and the four figures that follow from the counts."""

from dataclasses import dataclass
from typing import Any

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Counts:
    """Hits, false alarms and misses of one scorer; they add up over recordings. TAES counts in fractions."""

    hits: float = 0.0
    false_alarms: float = 0.0
    misses: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.hits + other.hits, self.false_alarms + other.false_alarms, self.misses + other.misses
        )


@dataclass(frozen=True, slots=True)
class Score:
    """One scorer's result over all recordings. A figure that has no meaning is None, never 0 or 1.

    `sensitivity` needs a seizure and `precision` a detection. A missed seizure is sensitivity 0.
    """

    scorer: str  # always shown with the figures: scorers differ by a factor of three and more
    counts: Counts
    duration_s: float

    @property
    def sensitivity(self) -> float | None:
        return _share(self.counts.hits, self.counts.hits + self.counts.misses)

    @property
    def precision(self) -> float | None:
        return _share(self.counts.hits, self.counts.hits + self.counts.false_alarms)

    @property
    def f1(self) -> float | None:
        counts = self.counts
        return _share(2 * counts.hits, 2 * counts.hits + counts.false_alarms + counts.misses)

    @property
    def false_alarms_per_day(self) -> float | None:
        """False alarms in 24 hours of recording, seizures included: one in an hour is 24."""
        return self.counts.false_alarms * DAY_S / self.duration_s if self.duration_s > 0 else None

    def as_json(self) -> dict[str, Any]:
        return {
            "scorer": self.scorer,
            "sensitivity": self.sensitivity,
            "precision": self.precision,
            "f1": self.f1,
            "false_alarms_per_day": self.false_alarms_per_day,
            "hits": self.counts.hits,
            "false_alarms": self.counts.false_alarms,
            "misses": self.counts.misses,
        }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
