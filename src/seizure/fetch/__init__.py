"""Downloads of open corpora from PhysioNet: resumable, each file checked by its SHA-256."""

from seizure.fetch.planning import plan_corpus
from seizure.fetch.sources import SOURCES, Source

__all__ = ["SOURCES", "Source", "plan_corpus"]
