"""What the process runs on: its device, its rank among several, number format, cores that are its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, distributed

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True, slots=True)
class Place:
    """One process's place in a training: its device, and its rank among `world` processes."""

    device: torch.device
    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def describe(self) -> str:
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"
        threads = f", {torch.get_num_threads()} threads" if self.device.type == "cpu" else ""
        return f"{name}{threads}" if self.world == 1 else f"{self.world} x {name}{threads}"


def one_device() -> str:
    """What a process that works alone computes on."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def join_others() -> Iterator[Place]:
    """This process's place. Under torchrun (WORLD_SIZE above 1) it joins the others for this time.

    Once in a process: joining a second time was seen to wait for ever, now and then.
    """
    world, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # never more than the environment asks for (OMP_NUM_THREADS), never more than there is
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    torch.set_num_threads(max(1, min(torch.get_num_threads(), own_cores() // here)))
    if world == 1:
        yield Place(device)
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Place(device, distributed.get_rank(), world)
    finally:
        distributed.destroy_process_group()


def own_cores(quota_file: Path = CGROUP_QUOTA) -> int:
    """Cores that this process may use: what it is bound to, and what its control group grants."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = quota_file.read_text().split()
        return cores if quota == "max" else max(1, min(cores, ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no control groups, or version 1
        return cores


def number_format(wish: Literal["auto", "bf16", "fp32"], device: torch.device) -> torch.dtype:
    """bfloat16 or float32. `auto`: bfloat16 where the GPU computes in it, float32 elsewhere."""
    if wish == "auto":
        has_it = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if has_it else torch.float32
    return torch.bfloat16 if wish == "bf16" else torch.float32


def sum_over_ranks(values: Tensor, place: Place) -> Tensor:
    """The element-wise sum over all processes, the same on each."""
    if place.world > 1:
        distributed.all_reduce(values)
    return values


def wait_for_others(place: Place) -> None:
    if place.world > 1:
        distributed.barrier()


def gather_objects(value: object, place: Place) -> list[object]:
    """Every process's value, in the order of ranks."""
    if place.world == 1:
        return [value]
    gathered: list[object] = [None] * place.world
    distributed.all_gather_object(gathered, value)
    return gathered
