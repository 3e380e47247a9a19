"""Shards of noise with seizures marked in them, for benchmarks that read a cache."""

import os
from pathlib import Path

import numpy as np

from seizure.cache.claim import claimed
from seizure.cache.shard import shard_path
from seizure.cache.source import Source
from seizure.cache.write import write_shard
from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording, Seizure
from seizure.signal import Prepared, preprocess_array
from seizure.signal.channels import REFERENTIAL19


def make_shards(folder: Path, count: int, minutes: float, patient: str = "aaaa") -> None:
    """`count` shards of the same signal; every third one has a seizure of a minute (or a third of it)."""
    folder.mkdir(parents=True, exist_ok=True)
    prepared = _prepared(minutes)
    length_s = minutes * 60
    source = Source("made.edf", 1, 1, "0" * 64)
    for number in range(count):
        recording = Recording(
            f"{patient}{number:04d}_s001_t000", Path("made.edf"), f"{patient}{number:04d}", "tusz"
        )
        stop_s = length_s / 3 + min(60.0, length_s / 3)
        seizures = (Seizure(length_s / 3, stop_s),) if number % 3 == 0 else ()
        with claimed(shard_path(folder, recording.recording_id)) as claim:
            write_shard(claim, recording, Annotations(seizures), prepared, Preprocessing(), source)
    os.sync()


def _prepared(minutes: float) -> Prepared:
    random = np.random.default_rng(0)
    x_CT = random.standard_normal((19, int(minutes * 60 * 256)), np.float32) * 30
    return preprocess_array(x_CT, [f"EEG {name.upper()}-REF" for name in REFERENTIAL19], 256, Preprocessing())
