"""Small caches for tests, written without EDF files: noise, with seizures where they are asked."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from seizure.cache.claim import claimed
from seizure.cache.shard import ShardInfo, shard_path
from seizure.cache.source import Source
from seizure.cache.write import write_shard
from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording, Seizure

SETTINGS = Preprocessing()
SOURCE = Source("a.edf", 1000, 5, "00" * 32)
CHANNELS = ("Fp1", "F3", "C3")


EXACT_SIGMA_UV = 32767 / 40
"""With this sd a step of int16 is a microvolt."""


def prepared(x_uv_CT: np.ndarray, sigma_uv: float | None = None) -> Any:
    """What preprocessing gives, of an array."""
    x_CT = np.asarray(x_uv_CT, np.float32)
    low_C, high_C = np.percentile(x_CT, [25, 75], axis=1)
    return SimpleNamespace(
        x_uv_CT=x_CT,
        channels=CHANNELS[: len(x_CT)],
        rate_hz=256,
        sigma_uv_C=((high_C - low_C) / 1.349 if sigma_uv is None else np.full(len(x_CT), sigma_uv)).astype(
            "f4"
        ),
        notices=(),
        read=lambda start, stop: x_CT[:, start:stop],
    )


def recording(recording_id: str, path: Path = Path("a.edf")) -> Recording:
    return Recording(recording_id, path, recording_id.partition("_")[0], "tusz", "train")


def noise(samples: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 30, (channels, samples)).astype(np.float32)


def put(
    folder: Path,
    recording_id: str,
    x_uv_CT: np.ndarray,
    seizures: Sequence[tuple[float, float]] = (),
    sigma_uv: float | None = None,
) -> ShardInfo:
    """Writes one shard."""
    folder.mkdir(parents=True, exist_ok=True)
    annotations = Annotations(tuple(Seizure(*bounds) for bounds in seizures))
    with claimed(shard_path(folder, recording_id)) as claim:
        source = prepared(x_uv_CT, sigma_uv)
        return write_shard(claim, recording(recording_id), annotations, source, SETTINGS, SOURCE)
