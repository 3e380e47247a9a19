"""Small caches for tests, written without EDF files: noise, with seizures where they are asked."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from seizure.cache.build import BuildResult, build_cache
from seizure.cache.claim import claimed
from seizure.cache.shard import ShardInfo, shard_path
from seizure.cache.source import Source
from seizure.cache.write import write_shard
from seizure.config.schema import Preprocessing
from seizure.corpus.recording import Annotations, Recording, Seizure
from seizure.errors import Fault, RecordingError

SETTINGS = Preprocessing()
SOURCE = Source("a.edf", 1000, 5, "00" * 32)
CHANNELS = ("Fp1", "F3", "C3")


EXACT_SIGMA_UV = 32767 / 100
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


def prepare_noise(path: Path, settings: Preprocessing) -> Any:
    """Stands in for EDF and preprocessing: a file of text says what is to become of it."""
    word, _, number = path.read_text().partition(" ")
    match word:
        case "noise":
            time.sleep(0.01)
            return prepared(noise(5000, int(number)))
        case "bad":
            raise RecordingError(path, Fault.TRUNCATED, "made so")
        case "odd":
            raise ZeroDivisionError("nobody thought of this")
        case "nan":
            return prepared(np.full((3, 100), np.nan))
        case "kill":
            os.kill(os.getpid(), 9)
        case "kill-once":
            mark = path.with_suffix(".killed")
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), 9)
            return prepared(noise(5000, int(number)))
    raise AssertionError(word)


class Corpus:
    """Recordings of `prepare_noise` in a folder, and their annotations."""

    def __init__(self, root: Path, count: int = 6) -> None:
        self.root = root
        self.recordings: list[Recording] = []
        self.annotations: dict[str, Annotations] = {}
        root.mkdir(exist_ok=True)
        for number in range(count):
            self.add(f"aaaaa{number}_s001_t000", f"noise {number}", [(number + 1, number + 2)])

    def add(self, recording_id: str, text: str, seizures: Sequence[tuple[float, float]] = ()) -> None:
        path = self.root / f"{recording_id}.edf"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        self.recordings.append(recording(recording_id, path))
        self.label(recording_id, seizures)

    def label(self, recording_id: str, seizures: Sequence[tuple[float, float]]) -> None:
        self.annotations[recording_id] = Annotations(tuple(Seizure(*bounds) for bounds in seizures))

    def build(self, folder: Path, **more: Any) -> BuildResult:
        more = {"processes": 2, "prepare": prepare_noise, **more}
        return build_cache(self.recordings, self.annotations, SETTINGS, folder, **more)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the note on parts, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "parts.json"}


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
