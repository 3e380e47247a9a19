"""One life of a small run, in this process or as `python -m tests.seizure.training.life CACHE FOLDER …`."""

import sys
from pathlib import Path

import numpy as np
import torch

from seizure.cache import open_index
from seizure.config import Config
from tests.seizure.cache.made import noise, put

STEPS = 12
TRAIN_IDS, VAL_IDS = ("a", "b", "short"), ("c",)


def make_cache(folder: Path) -> None:
    """Noise, with a rhythm in seizures; one recording is shorter than a window of 4 s."""
    spans = {"a": (6000, 10, 16), "b": (5000, 3, 8), "c": (6000, 6, 12), "short": (700, 1, 2)}
    for seed, (name, (samples, start_s, stop_s)) in enumerate(spans.items()):
        x_CT = noise(samples, seed)
        t_T = np.arange(samples) / 256
        x_CT += 100 * np.sin(2 * np.pi * 4 * t_T) * ((t_T >= start_s) & (t_T < stop_s))
        put(folder, name, x_CT, [(start_s, stop_s)])


def make_config(**training: object) -> Config:
    settings = {
        "steps": STEPS, "batch_size": 4, "learning_rate": 1e-3, "warmup_steps": 3, "log_every_steps": 2,
        "checkpoint_every_steps": 3, "validate_every_steps": 4, "workers": 1,
    }  # fmt: skip
    return Config.model_validate(
        {
            "name": "test",
            "kind": "full",
            "model": {"preset": "tiny", "window_s": 4},
            "training": settings | training,
            "tracking": {"tensorboard": False},
        }
    )


def live(cache: Path, folder: Path, *, resume=False, max_steps=None, config=None, say=print):
    """Trains in `folder` until done, or until killed."""
    from seizure.training.loop import train

    torch.set_num_threads(1)  # sums in another order give other last bits
    index = open_index(cache)
    config = config or make_config()
    return train(config, index, TRAIN_IDS, VAL_IDS, folder, resume=resume, max_steps=max_steps, say=say)


if __name__ == "__main__":
    cache, folder, *rest = sys.argv[1:]
    live(Path(cache), Path(folder), resume="--resume" in rest, say=lambda line: print(line, flush=True))
