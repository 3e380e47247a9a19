"""Downloads of named files: resumable, each checked by its digest, complete or not there."""

from training_kit.fetch.fetching import Observer, Plan, Report, fetch, make_folder, plan_fetch, read_text

__all__ = ["Observer", "Plan", "Report", "fetch", "make_folder", "plan_fetch", "read_text"]
