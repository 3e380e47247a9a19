"""A build whose scratch files find no room, for workers to unpickle."""

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from seizure.cache.task import prepare_edf
from seizure.config.schema import Preprocessing
from seizure.signal import prepare
from seizure.signal.channels import REFERENTIAL19
from tests.seizure.signal.signals import write_edf


def prepare_without_room(path: Path, settings: Preprocessing) -> Any:
    """The cache's own way from a real EDF file, but its scratch files find no room."""

    def full(descriptor: int, length: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    labels = [f"EEG {name}-REF" for name in REFERENTIAL19]
    write_edf(path, np.zeros((19, 2500), np.float32), labels)
    with patch.object(prepare, "IN_MEMORY_BYTES", 0), patch.object(os, "truncate", full):
        return prepare_edf(path, settings)
