"""Detections: from probabilities to events (`postprocess`), and their two files (`tsv`, `csv_bi`)."""

from seizure.events.csv_bi import csv_bi_text, read_csv_bi, write_csv_bi
from seizure.events.postprocess import postprocess
from seizure.events.tsv import EventFile, read_tsv, tsv_text, write_tsv

__all__ = [
    "EventFile",
    "csv_bi_text",
    "postprocess",
    "read_csv_bi",
    "read_tsv",
    "tsv_text",
    "write_csv_bi",
    "write_tsv",
]
