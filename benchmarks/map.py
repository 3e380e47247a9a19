"""`.map` over 2,000 trivial inputs: 80 % of the ceiling cores / (client's CPU + container's CPU) an input.

The ceiling is measured between the engine's maps of the same run: the same client maps over as many inputs
through a null server, which passes them in memory to real container entrypoints (plain processes, one for
each core) and results back as they come. What client and containers spend there is theirs on this machine,
whatever the server does. The engine itself may take 0.7 ms of CPU an input, persistence included.
"""

import os
from contextlib import ExitStack

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.plain_container import container, container_socket
from benchmarks.support.processes import cpu_s

INPUTS = 2000
BAR_SHARE = 0.8
BAR_ENGINE_MS = 0.7


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    cores = len(os.sched_getaffinity(0))
    rates, null_rates, engine_ms, client_ms, container_ms, busy_ms = [], [], [], [], [], []
    with ExitStack() as stack:
        null = stack.enter_context(bench.null("--unix", container_socket(bench)))
        containers = [stack.enter_context(container(bench, null)) for _ in range(cores)]
        to_engine = stack.enter_context(caller(bench, server))
        to_null = stack.enter_context(caller(bench, null))
        for each in (to_engine, to_null):
            each.ask(do="map", count=INPUTS // 4)
        for _ in range(bench.runs):
            before = sum(cpu_s(process.pid) for process in containers)
            answer = to_null.ask(do="map", count=INPUTS)
            container_ms.append((sum(cpu_s(process.pid) for process in containers) - before) / INPUTS * 1e3)
            client_ms.append(answer["cpu_s"] / INPUTS * 1e3)
            null_rates.append(INPUTS / answer["wall_s"])
            before = cpu_s(server.process.pid)
            answer = to_engine.ask(do="map", count=INPUTS)
            engine_ms.append((cpu_s(server.process.pid) - before) / INPUTS * 1e3)
            busy_ms.append(answer["cpu_s"] / INPUTS * 1e3)
            rates.append(INPUTS / answer["wall_s"])
    ceilings = [cores * 1e3 / (ours + theirs) for ours, theirs in zip(client_ms, container_ms, strict=True)]
    shares = [rate / ceiling for rate, ceiling in zip(rates, ceilings, strict=True)]
    return [
        Figure(
            f".map over {INPUTS} trivial inputs",
            f"{BAR_SHARE:.0%} of the ceiling",
            median(rates),
            "inputs/s",
            len(rates),
            passed=median(shares) >= BAR_SHARE,
            reference=f"ceiling of {cores} cores",
            reference_value=median(ceilings),
            ratio=median(shares),
            spread=quartiles(rates),
            parts={
                "client's CPU an input ms": median(client_ms),
                "container's ms": median(container_ms),
                "client's against the engine, which gathers results, ms": median(busy_ms),
                "through the null server inputs/s": median(null_rates),
            },
        ),
        Figure(
            "engine's CPU an input of .map",
            f"{BAR_ENGINE_MS} ms",
            median(engine_ms),
            "ms",
            len(engine_ms),
            passed=median(engine_ms) <= BAR_ENGINE_MS,
            spread=quartiles(engine_ms),
        ),
    ]
