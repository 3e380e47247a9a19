"""Synthetic corpora in TUSZ's layout, with seizures put in."""

from seizure.synth.corpus import Summary, make_corpus
from seizure.synth.difficulty import DEFAULT, Difficulty

__all__ = ["DEFAULT", "Difficulty", "Summary", "make_corpus"]
