"""Sensitivity against false alarms a day over thresholds, and the threshold that validation chooses.

Counts are kept by threshold and added up recording by recording, so that no probabilities need to be held.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seizure.corpus.recording import Seizure
from seizure.errors import ScoringError
from seizure.scoring.counts import Counts, Score
from seizure.scoring.score import SCORERS
from seizure.scoring.spans import spans
from seizure.scoring.szcore import szcore_events, szcore_samples

# dense where detectors that are sure of themselves still differ
THRESHOLDS = (
    0.005,
    *(round(float(threshold), 2) for threshold in np.arange(0.01, 1.0, 0.02)),
    *(0.995, 0.999),
)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One threshold's figures over all recordings."""

    threshold: float
    events: Score
    samples: Score

    def as_json(self) -> dict[str, Any]:
        return {
            "threshold": self.threshold,
            "sensitivity": self.events.sensitivity,
            "precision": self.events.precision,
            "f1": self.events.f1,
            "false_alarms_per_day": self.events.false_alarms_per_day,
            "samples_f1": self.samples.f1,
        }


class Curve:
    """Adds recordings up, one at a time, at fixed thresholds."""

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.thresholds = tuple(sorted(set(thresholds)))
        self._events = [Counts() for _ in self.thresholds]
        self._samples = [Counts() for _ in self.thresholds]
        self._duration_s = 0.0

    def add(self, wanted: Sequence[Seizure], duration_s: float, found: Sequence[Sequence[Seizure]]) -> None:
        """`found`: the events at each threshold, in the order of `thresholds`."""
        length_s = max([duration_s, *(seizure.stop_s for seizure in wanted)])
        reference = spans(wanted, length_s)
        for place, events in enumerate(found):
            detections = spans(events, length_s)
            self._events[place] += szcore_events(reference, detections, length_s)
            self._samples[place] += szcore_samples(reference, detections, length_s)
        self._duration_s += duration_s

    def points(self) -> tuple[CurvePoint, ...]:
        """One point a threshold, from the lowest up."""
        return tuple(
            CurvePoint(
                threshold,
                Score(SCORERS["szcore_events"], events, self._duration_s),
                Score(SCORERS["szcore_samples"], samples, self._duration_s),
            )
            for threshold, events, samples in zip(self.thresholds, self._events, self._samples, strict=True)
        )


def sensitivity_curve(curve: Curve) -> list[dict[str, Any]]:
    """The curve's points as they are written down: SzCORE events, from the lowest threshold up."""
    return [point.as_json() for point in curve.points()]


def fit_threshold(curve: Curve, split: str) -> float:
    """The threshold with the best F1 of SzCORE events; among equals the best F1 of samples, then the middle
    one.

    Raises ScoringError for any split but val, and where validation has no seizure.
    """
    if split != "val":
        raise ScoringError(
            f"a threshold is fitted on validation recordings only, never on {split}: "
            "run evaluate --split val first"
        )
    points = curve.points()
    if not any(point.events.counts.hits + point.events.counts.misses for point in points):
        raise ScoringError(
            "the validation recordings hold no seizure, so no threshold can be fitted: "
            "set postprocessing.threshold to a number, or choose other validation recordings"
        )
    ranks = [(point.events.f1 or 0.0, point.samples.f1 or 0.0) for point in points]
    best = [point.threshold for point, rank in zip(points, ranks, strict=True) if rank == max(ranks)]
    return best[len(best) // 2]
