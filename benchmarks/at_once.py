"""Twenty containers of one function at once: from the client's request until all run the user's code, 1 s.

A warm parent is there, as after the first call of a function. Each container is held until all are at work,
so that none is used twice. The reference is as many interpreters that import the client's container
entrypoint, started at once: what containers without a warm parent would at least take.
"""

import sys
import time

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.processes import cpu_s
from benchmarks.support.state import task_times

COUNT = 20
BAR_S = 1.0
WARM_UP = 2
REFERENCES = 2


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    assert server.home is not None
    took, decided, started, ready, engine_cpu = [], [], [], [], []
    with caller(bench, server) as calls:
        calls.ask(do="at_once", count=WARM_UP)
        runs = max(3, bench.runs // 2)
        for _ in range(runs):
            before = cpu_s(server.process.pid)
            answer = calls.ask(do="at_once", count=COUNT)
            engine_cpu.append(cpu_s(server.process.pid) - before)
            entered = [float(call["entered"]) for call in answer["calls"]]
            if max(entered) - min(entered) > answer["held_s"]:
                raise RuntimeError(f"the {COUNT} containers were not at work together")
            sent = float(answer["calls"][0]["sent"])
            times = task_times(server.home, [str(call["task_id"]) for call in answer["calls"]]).values()
            took.append(max(entered) - sent)
            decided.append(max(each["enqueued_at"] for each in times) - sent)
            started.append(max(each["started_at"] for each in times) - sent)
            ready.append(max(each["ready_at"] for each in times) - sent)
    references = [_interpreters_s(bench) for _ in range(REFERENCES)]
    return [
        Figure(
            f"{COUNT} containers at once",
            f"{BAR_S:g} s",
            median(took),
            "s",
            len(took),
            passed=median(took) <= BAR_S,
            reference=f"{COUNT} interpreters that import the client's entrypoint",
            reference_value=median(references),
            ratio=median(took) / median(references),
            spread=quartiles(took),
            parts={
                "all decided after s": median(decided),
                "all processes run after s": median(started),
                "all ask for an input after s": median(ready),
                "engine's CPU s": median(engine_cpu),
            },
        )
    ]


def _interpreters_s(bench: Bench) -> float:
    begun = time.perf_counter()
    command = [sys.executable, "-c", "import modal._container_entrypoint"]
    if any(process.wait() for process in [bench.start(command) for _ in range(COUNT)]):
        raise RuntimeError("the client's container entrypoint cannot be imported")
    return time.perf_counter() - begun
