"""How many containers each function should have now.

Pure: values in, a decision out. Two bounds hold together. What a function wants: a container for each group
of inputs that it can work on at once, within its own `min_containers` and `max_containers`. What the machine
has: cores, memory, whole GPUs, shared in turns.

Two rules stand above the machine's cores. A function that has inputs waiting and no container at work on its
own may always have one more, or nested calls would wait for each other for ever: a container whose every
input waits for a nested call is not at work, and takes no cores. And containers that a function keeps without
inputs for them, by `min_containers` and `buffer_containers`, take none either.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUNDING = 1e-6  # twenty times 0.1 core are two cores


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
    cores: float = 1.0
    memory_mib: int = 128
    gpu_count: int = 0


@dataclass(frozen=True)
class Capacity:
    """What is free on the machine. `cores` may be negative while more runs than it has cores for."""

    cores: float
    memory_mib: int
    free_gpus: int


def wanted(demand: Demand) -> int:
    """How many containers the function should have if the machine were large enough."""
    busy = _busy(demand)
    count = max(busy + (demand.buffer_containers if busy else 0), demand.min_containers)
    return min(count, demand.max_containers) if demand.max_containers else count


def starts(demands: Sequence[Demand], capacity: Capacity) -> list[str]:
    """The functions to start a container for, one entry for each container, in the order to start them."""
    chosen: list[str] = []
    cores, memory, gpus = capacity.cores, capacity.memory_mib, capacity.free_gpus
    has = {d.function_id: d.live for d in demands}
    progress = True
    while progress:  # in turns, so that no function takes the whole machine
        progress = False
        for demand in demands:
            live = has[demand.function_id]
            if live >= wanted(demand) or demand.gpu_count > gpus:
                continue
            taken = demand.cores if _is_for_inputs(demand, live) else 0.0
            fits = (not taken or taken <= cores + _ROUNDING) and demand.memory_mib <= memory
            is_first = live - demand.blocked <= 0
            if not (fits or is_first):
                continue
            chosen.append(demand.function_id)
            has[demand.function_id] += 1
            cores -= taken
            memory -= demand.memory_mib
            gpus -= demand.gpu_count
            progress = True
    return chosen


def keeps(demand: Demand) -> bool:
    """Whether a container that has been idle for its whole window stays."""
    return demand.live <= wanted(demand)


def exceeds(demand: Demand) -> bool:
    """Whether a container without inputs ends at once: `max_containers` was lowered."""
    return 0 < demand.max_containers < demand.live


def _busy(demand: Demand) -> int:
    """How many containers the inputs need."""
    return math.ceil((demand.waiting + demand.running) / max(1, demand.concurrency))


def _is_for_inputs(demand: Demand, live: int) -> bool:
    """Whether a container beyond `live` ones is started for inputs, not to be there when they come."""
    return demand.min_containers <= live < _busy(demand)
