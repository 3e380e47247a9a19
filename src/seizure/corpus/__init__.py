"""Corpora: which recordings there are, what their annotations say, and which split each belongs to."""

from seizure.corpus.annotations import (
    LabelledCorpus,
    read_all_annotations,
    read_annotations,
    read_reference,
)
from seizure.corpus.discover import discover
from seizure.corpus.recording import Annotations, Recording, Seizure
from seizure.corpus.skipped import Skipped, read_skipped, write_skipped
from seizure.corpus.splits import Splits, check_counts, check_total, limit, split

__all__ = [
    "Annotations",
    "LabelledCorpus",
    "Recording",
    "Seizure",
    "Skipped",
    "Splits",
    "check_counts",
    "check_total",
    "discover",
    "limit",
    "read_all_annotations",
    "read_annotations",
    "read_reference",
    "read_skipped",
    "split",
    "write_skipped",
]
