"""How many containers each function should have now.

Pure: values in, a decision out. Two bounds hold together. What a function wants: a container for each group
of inputs that it can work on at once, within its own `min_containers` and `max_containers`. What the machine
has: cores, memory, whole GPUs, shared in turns.

One rule stands above the machine's bounds, or nested calls would wait for each other for ever: a function
that has inputs waiting and no container at work on its own may always have one more. A container whose every
input waits for a nested call is not at work, and takes no cores.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from homeport.plan.resources import DEFAULT_CPU


@dataclass(frozen=True)
class Demand:
    """One function: what waits, what runs, and what a container of it takes.

    `waiting` inputs have no container yet, `running` ones have. `live` containers are started or starting and
    will take inputs; `blocked` ones among them wait for nested calls. `concurrency` is the number of inputs
    that one container should work on at once; it may take more.
    """

    function_id: str
    waiting: int
    running: int
    live: int
    starting: int = 0
    blocked: int = 0
    concurrency: int = 1
    min_containers: int = 0
    max_containers: int = 0  # 0: no bound of its own
    buffer_containers: int = 0
    cpu: float = DEFAULT_CPU
    memory_mib: int = 128
    gpu_count: int = 0


@dataclass(frozen=True)
class Capacity:
    """What is free on the machine. `cpu` may be negative while more runs than it has cores for."""

    cpu: float
    memory_mib: int
    free_gpus: int


def scheduling_cpu(cpu: float) -> float:
    """The cores that a container counts for. Modal's default reservation of an eighth of a core says nothing
    about what a function uses; here it counts as one core, so `.map` runs as wide as the machine is."""
    return 1.0 if cpu <= DEFAULT_CPU else cpu


def wanted(demand: Demand) -> int:
    """How many containers the function should have if the machine were large enough."""
    busy = math.ceil((demand.waiting + demand.running) / max(1, demand.concurrency))
    active = demand.waiting + demand.running > 0
    count = max(busy + (demand.buffer_containers if active else 0), demand.min_containers)
    return min(count, demand.max_containers) if demand.max_containers else count


def starts(demands: Sequence[Demand], capacity: Capacity) -> list[str]:
    """The functions to start a container for, one entry for each container, in the order to start them."""
    chosen: list[str] = []
    cpu, memory, gpus = capacity.cpu, capacity.memory_mib, capacity.free_gpus
    missing = {d.function_id: wanted(d) - d.live for d in demands}
    at_work = {d.function_id: d.live - d.blocked for d in demands}
    progress = True
    while progress:  # in turns, so that no function takes the whole machine
        progress = False
        for demand in demands:
            if missing[demand.function_id] <= 0 or demand.gpu_count > gpus:
                continue
            fits = scheduling_cpu(demand.cpu) <= cpu and demand.memory_mib <= memory
            first = at_work[demand.function_id] <= 0
            if not (fits or first):
                continue
            chosen.append(demand.function_id)
            missing[demand.function_id] -= 1
            at_work[demand.function_id] += 1
            cpu -= scheduling_cpu(demand.cpu)
            memory -= demand.memory_mib
            gpus -= demand.gpu_count
            progress = True
    return chosen


def keeps(demand: Demand) -> bool:
    """Whether a container that has been idle for its whole window stays, because of `min_containers`."""
    return demand.live <= demand.min_containers
