"""Which cache folder belongs to which preprocessing: the key is a hash of all that shapes a shard's samples.

The code's part of the key is a number that people raise, not a digest of the sources: a digest would throw
days of work away for a comment or a renamed variable, and would not see a new version of a library. What
guards the number is a test that holds quantised samples of a fixed signal: it fails when the preprocessing
gives other values, and says to raise CODE_VERSION.
"""

import hashlib
import json
from typing import Any

from seizure.config.schema import Preprocessing
from seizure.corpus.layouts.tusz import SEIZURE_LABELS

CODE_VERSION = 2
"""Raise by one when preprocessing, quantisation or the format give other bytes for the same EDF."""

LABELS = tuple(sorted(SEIZURE_LABELS))
"""Labels that mean a seizure. Another set gives other labels from the same files, hence another cache."""


def cache_key(settings: Preprocessing) -> str:
    """Twelve hexadecimal digits: the name of the folder for shards made so."""
    return hashlib.sha256(json.dumps(described(settings), sort_keys=True).encode()).hexdigest()[:12]


def described(settings: Preprocessing) -> dict[str, Any]:
    """All that the key is made of, for people who wonder what a folder holds."""
    return {
        "preprocessing": settings.model_dump(mode="json"),
        "code_version": CODE_VERSION,
        "labels": list(LABELS),
    }
