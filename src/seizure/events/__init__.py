"""Detections: from probabilities to events (`postprocess`), and their two files (`tsv`, `csv_bi`)."""

from seizure.events.csv_bi import read_csv_bi, write_csv_bi
from seizure.events.postprocess import postprocess
from seizure.events.tsv import EventFile, read_tsv, write_tsv

__all__ = ["EventFile", "postprocess", "read_csv_bi", "read_tsv", "write_csv_bi", "write_tsv"]
