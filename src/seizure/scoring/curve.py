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

# Two thresholds whose F1 of samples differ by less are equally good: what differs is a few seconds of a
# seizure's ends, for which a threshold at the edge of what is good, and of false alarms, is no fair price.
SAMPLES_EQUAL = 0.05

Pair = tuple[Counts, Counts]  # of events and of samples


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
        self.add_counts(duration_s, [count_pair(wanted, duration_s, events) for events in found])

    def add_counts(self, duration_s: float, pairs: Sequence[Pair]) -> None:
        """`pairs`: what `count_pair` gives, at each threshold, of one recording."""
        for place, (events, samples) in enumerate(pairs):
            self._events[place] += events
            self._samples[place] += samples
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


def count_pair(wanted: Sequence[Seizure], duration_s: float, found: Sequence[Seizure]) -> Pair:
    """SzCORE's counts of one recording, of events and of samples."""
    length_s = max([duration_s, *(seizure.stop_s for seizure in wanted)])
    reference, detections = spans(wanted, length_s), spans(found, length_s)
    return szcore_events(reference, detections, length_s), szcore_samples(reference, detections, length_s)


def fit_threshold(curve: Curve, split: str) -> float:
    """The middle of the thresholds that are equally good: of the best F1 of SzCORE events, and of samples'
    best F1 among these or nearly so (SAMPLES_EQUAL). Where they do not lie together, of the longest stretch.

    The middle is farthest from where seizures are lost and from where false alarms begin. Raises ScoringError
    for any split but val, and where validation has no seizure.
    """
    refuse_to_fit(curve, split)
    best_events, best_samples = best_of(curve)
    stretches: list[list[float]] = [[]]
    for point in curve.points():
        events_f1, samples_f1 = point.events.f1 or 0.0, point.samples.f1 or 0.0
        if events_f1 == best_events and samples_f1 >= best_samples - SAMPLES_EQUAL:
            stretches[-1].append(point.threshold)
        elif stretches[-1]:
            stretches.append([])
    longest = max(stretches, key=len)
    return longest[len(longest) // 2]


def best_of(curve: Curve, threshold: float | None = None) -> tuple[float, float]:
    """The best F1 of SzCORE events, and of samples among equals, over all thresholds or at the one given."""
    points = [point for point in curve.points() if threshold is None or point.threshold == threshold]
    return max((point.events.f1 or 0.0, point.samples.f1 or 0.0) for point in points)


def refuse_to_fit(curve: Curve, split: str) -> None:
    """Raises ScoringError for any split but val, and where validation has no seizure."""
    if split != "val":
        raise ScoringError(
            f"a threshold is fitted on validation recordings only, never on {split}: "
            "run evaluate --split val first"
        )
    if not any(point.events.counts.hits + point.events.counts.misses for point in curve.points()):
        raise ScoringError(
            "the validation recordings hold no seizure, so nothing can be fitted: set what is `fit` in "
            "postprocessing to a number, or choose other validation recordings"
        )
