"""The lengths of the post-processing that validation chooses, together with the threshold.

Coordinate descent from the recipe: one length after another is set to each of its candidates, each with the
threshold that is best with it, and what is better is kept, until a pass over all changes nothing. A few
seizures of validation should not lead away from the recipe by chance, so what is no better stays.

Cost: comparing events with the reference at all thresholds takes 4.3 s for 24 h of recordings; another
setting costs the share of recordings whose events it changes. Two lengths are 9 settings in the first pass:
over 72 recordings of 20 minutes the first took 0.5 s and the 8 others 1.7 s together. MAX_PASSES bounds the
rest, and settings tried before are not counted again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seizure.config.schema import RECIPE, Lengths, Postprocessing
from seizure.scoring.curve import Curve, best_of, fit_threshold, refuse_to_fit

CANDIDATES: Mapping[str, tuple[float, ...]] = {
    # 5 samples at 256 Hz, as SeizureTransformer's code has it, to twice ours
    "opening_s": (5 / 256, 1.0, RECIPE.opening_s, 5.0),
    "closing_s": (5 / 256, 1.0, RECIPE.closing_s, 5.0),
    # 10 s is what a seizure lasts at least in clinical definitions; beyond 15 s short ones of TUSZ are lost
    "min_duration_s": (RECIPE.min_duration_s, 4.0, 6.0, 10.0, 15.0),
    # SzCORE takes what is nearer than 90 s for one event as it is: beyond 60 s little is left to merge
    "merge_s": (RECIPE.merge_s, 5.0, 15.0, 30.0, 60.0),
}
MAX_PASSES = 3
SAMPLES_GAIN = 0.01  # of samples' F1, where events' is equal: less is chance
SAY_EVERY_S = 15.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was chosen, and from what."""

    lengths: Lengths
    threshold: float
    curve: Curve
    names: tuple[str, ...]  # of the lengths that were fitted
    tried: int
    f1: float
    f1_of_recipe: float

    def as_json(self) -> dict[str, Any]:
        return {
            "candidates": {name: list(CANDIDATES[name]) for name in self.names},
            "settings_tried": self.tried,
            "f1": self.f1,
            "f1_of_recipe": self.f1_of_recipe,
        }


@dataclass(frozen=True, slots=True)
class _Trial:
    lengths: Lengths
    curve: Curve
    events_f1: float
    samples_f1: float

    @property
    def rank(self) -> tuple[float, float, int]:
        return self.events_f1, self.samples_f1, -distance(self.lengths)

    def is_better_than(self, other: "_Trial") -> bool:
        if self.events_f1 != other.events_f1:
            return self.events_f1 > other.events_f1
        return self.samples_f1 > other.samples_f1 + SAMPLES_GAIN


def fit_lengths(
    settings: Postprocessing,
    curve_at: Callable[[Lengths], Curve],
    split: str,
    threshold: float | None,
    say: Say,
) -> Fitted:
    """Lengths that `settings` leaves to be fitted, and the threshold, unless it is given, with them.

    `curve_at` gives the curve over validation's recordings. Raises ScoringError for any split but val, and
    where validation has no seizure.
    """
    tried: dict[Lengths, _Trial] = {}
    said = time.monotonic()

    def attempt(lengths: Lengths) -> _Trial:
        nonlocal said
        if lengths not in tried:
            curve = curve_at(lengths)
            refuse_to_fit(curve, split)
            tried[lengths] = _Trial(lengths, curve, *best_of(curve, threshold))
            if time.monotonic() - said > SAY_EVERY_S:
                said = time.monotonic()
                best = max(one.events_f1 for one in tried.values())
                say(f"[EVAL] Fitting the post-processing: {len(tried)} settings tried, best F1 {best:.3f}")
        return tried[lengths]

    start = best = attempt(settings.lengths())
    for _ in range(MAX_PASSES):
        before = best
        for name in settings.lengths_to_fit:
            values = (best.lengths.model_copy(update={name: value}) for value in CANDIDATES[name])
            better = [one for one in map(attempt, values) if one.is_better_than(best)]
            best = max([best, *better], key=lambda one: one.rank) if better else best
        if best is before:
            break
    chosen = fit_threshold(best.curve, split) if threshold is None else threshold
    names = settings.lengths_to_fit
    return Fitted(best.lengths, chosen, best.curve, names, len(tried), best.events_f1, start.events_f1)


def distance(lengths: Lengths) -> int:
    """From the recipe, in steps of the candidates; a length that is none of them was not fitted."""
    steps = 0
    for name, values in CANDIDATES.items():
        value = getattr(lengths, name)
        if value in values:
            steps += abs(values.index(value) - values.index(getattr(RECIPE, name)))
    return steps


def shortest_opening_s(settings: Postprocessing) -> float:
    """Of all settings that are tried."""
    return min(CANDIDATES["opening_s"]) if settings.opening_s == "fit" else settings.opening_s
