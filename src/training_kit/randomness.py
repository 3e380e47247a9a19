"""States of the random generators, in forms that a checkpoint can hold and read back safely."""

import random
from typing import Any

import numpy as np
import torch

STREAMS = 2**32


def seed_all(seed: int, rank: int) -> None:
    """Seeds every generator. Ranks differ, so that their dropout does; weights are the first rank's (DDP)."""
    random.seed(seed + rank)
    np.random.seed((seed + rank) % STREAMS)
    torch.manual_seed(seed + rank)


def take_states() -> dict[str, Any]:
    """States of Python's, numpy's and torch's generators (one for each GPU), as plain values and tensors."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    assert isinstance(keys, np.ndarray)
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def put_states(states: dict[str, Any]) -> None:
    """Puts back what `take_states` took. GPUs that were not there then keep their own state."""
    version, internal, gauss_next = states["python"]
    random.setstate((version, tuple(internal), gauss_next))
    name, keys, position, has_gauss, gauss = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(states["torch"])
    for gpu, state in enumerate(states["cuda"][: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, gpu)


def step_generator(seed: int, step: int, rank: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator that depends on nothing but its arguments: what augments batch `step` of `rank`."""
    mixed = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(mixed >> np.uint64(1)))
