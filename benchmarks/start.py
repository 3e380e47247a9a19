"""A container's start: from the engine's decision to the user's function entered, client-only preload, p50.

With a warm parent 50 ms as root and 80 ms rootless; without one 600 ms. A container without a warm parent is
one whose environment no container had before. The reference is an interpreter that imports the client's
container entrypoint, which is what a warm parent saves.
"""

import os
import subprocess
import sys
import time

from benchmarks.support.bench import Bench, Server, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.state import task_times

BAR_ROOT_MS = 50.0
BAR_ROOTLESS_MS = 80.0
BAR_WITHOUT_PARENT_MS = 600.0
WARM_UP = 3


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    with caller(bench, server) as calls:
        calls.ask(do="cold", count=WARM_UP)
        warm = calls.ask(do="cold", count=bench.runs)["calls"]
    root = os.getuid() == 0 and bench.user.uid is None
    entrypoint_ms = [_entrypoint_s(bench) * 1e3 for _ in range(bench.runs)]
    fresh = [_fresh(bench, server, number) for number in range(bench.runs)]
    return [
        _figure("container start", BAR_ROOT_MS if root else BAR_ROOTLESS_MS, server, warm, entrypoint_ms),
        _figure("container start without a warm parent", BAR_WITHOUT_PARENT_MS, server, fresh, entrypoint_ms),
    ]


def _figure(
    name: str, bar_ms: float, server: Server, calls: list[dict[str, float | str]], entrypoint_ms: list[float]
) -> Figure:
    assert server.home is not None
    times = task_times(server.home, [str(call["task_id"]) for call in calls])
    took, started, ready = [], [], []
    for call in calls:
        at = times[str(call["task_id"])]
        took.append((float(call["entered"]) - at["enqueued_at"]) * 1e3)
        started.append((at["started_at"] - at["enqueued_at"]) * 1e3)
        ready.append((at["ready_at"] - at["enqueued_at"]) * 1e3)
    return Figure(
        name,
        f"{bar_ms:.0f} ms",
        median(took),
        "ms",
        len(took),
        passed=median(took) <= bar_ms,
        reference="importing the client's entrypoint",
        reference_value=median(entrypoint_ms),
        ratio=median(took) / median(entrypoint_ms),
        spread=quartiles(took),
        parts={"process runs after ms": median(started), "asks for an input after ms": median(ready)},
    )


def _fresh(bench: Bench, server: Server, number: int) -> dict[str, float | str]:
    """One `modal run` whose container's environment is new."""
    app = bench.app("fresh.py")
    command = [sys.executable, "-m", "modal", "run", str(app)]
    env = {**server.client_env, "FRESH": f"{time.time()} {number}"}
    process = bench.start(
        command, env=env, cwd=bench.scratch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.communicate()[0]
    for line in output.splitlines():
        if line.startswith("entered "):
            _, at, task_id = line.split()
            return {"entered": float(at), "task_id": task_id}
    raise RuntimeError(f"modal run fresh.py printed no time (status {process.returncode}):\n{output}")


def _entrypoint_s(bench: Bench) -> float:
    started = time.perf_counter()
    if bench.start([sys.executable, "-c", "import modal._container_entrypoint"]).wait():
        raise RuntimeError("the client's container entrypoint cannot be imported")
    return time.perf_counter() - started
