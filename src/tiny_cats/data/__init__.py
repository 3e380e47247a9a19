"""Pictures of cats: what a folder holds, how it is divided, and the cache. PyTorch only in batches.py."""

from tiny_cats.data.dataset import Dataset, View, prepare
from tiny_cats.data.survey import Survey, survey_folder

__all__ = ["Dataset", "Survey", "View", "prepare", "survey_folder"]
