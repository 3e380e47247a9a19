"""Scores of stitched whole recordings: four scorers, each named, and the choice of a threshold."""

from seizure.scoring.counts import Counts, Score
from seizure.scoring.score import SCORERS, Scores, score

__all__ = ["SCORERS", "Counts", "Score", "Scores", "score"]
