"""Downloads of open corpora from PhysioNet: resumable, each file checked by its SHA-256."""

from seizure.fetch.fetching import Plan, Report, fetch, plan_fetch
from seizure.fetch.sources import SOURCES, Source

__all__ = ["SOURCES", "Plan", "Report", "Source", "fetch", "plan_fetch"]
