"""Scores of stitched whole recordings: four scorers, each named, and the choice of a threshold."""

from typing import TYPE_CHECKING, Any

from seizure.scoring.counts import Counts, Score
from seizure.scoring.curve import Curve, fit_threshold, sensitivity_curve
from seizure.scoring.score import SCORERS, Scores, score

if TYPE_CHECKING:
    from seizure.scoring.evaluate import evaluate_run

__all__ = [
    "SCORERS",
    "Counts",
    "Curve",
    "Score",
    "Scores",
    "evaluate_run",
    "fit_threshold",
    "score",
    "sensitivity_curve",
]


def __getattr__(name: str) -> Any:
    if name == "evaluate_run":  # loads PyTorch, which scorers do without
        from seizure.scoring.evaluate import evaluate_run

        return evaluate_run
    raise AttributeError(name)
