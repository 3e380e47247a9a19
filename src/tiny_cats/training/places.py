"""What a training of cats runs on: one process, and its GPU where there is one."""

import os

import torch

from tiny_cats.errors import CatsError
from training_kit.devices import Place, one_device, own_cores


def this_place() -> Place:
    """Raises CatsError under torchrun with several processes, which would each train a model of its own."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1:
        raise CatsError(f"started as one of {world} processes: a training of cats runs in one, on one GPU")
    # never more than the environment asks for (OMP_NUM_THREADS), never more than there is
    torch.set_num_threads(max(1, min(torch.get_num_threads(), own_cores())))
    return Place(torch.device(one_device()))
