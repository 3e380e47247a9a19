"""An idle engine: 120 MB resident, and under 0.2 % of one core, so nothing polls.

Measured on an engine that has just started, and again after an app has run and ended, when a warm parent is
kept. Warm parents are processes of their own and are shown apart.
"""

import time

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.processes import descendants, memory_mb, threads_cpu_s

BAR_MB = 120.0
BAR_CPU_PERCENT = 0.2
WINDOW_S = 2.0
SETTLE_S = 3.0


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    fresh_cpu, fresh_mb = _watch(bench, server)
    bench.modal_s(server, "run", str(bench.app("hello.py")))
    used_cpu, used_mb = _watch(bench, server)
    below = descendants(server.process.pid)
    parts = {
        "fresh rss MB": fresh_mb["rss"],
        "fresh private MB": fresh_mb["private"],
        "after an app private MB": used_mb["private"],
        "processes below the engine": len(below),
        "their pss MB": sum(memory_mb(pid)["pss"] for pid in below),
    }
    return [
        Figure(
            "idle engine, memory after an app",
            f"{BAR_MB:.0f} MB",
            used_mb["rss"],
            "MB",
            1,
            passed=used_mb["rss"] <= BAR_MB,
            parts=parts,
        ),
        Figure(
            "idle engine, CPU after an app",
            f"{BAR_CPU_PERCENT} %",
            sum(used_cpu) / len(used_cpu),
            "%",
            len(used_cpu),
            passed=sum(used_cpu) / len(used_cpu) <= BAR_CPU_PERCENT,
            spread=quartiles(used_cpu),
            note=f"mean of windows of {WINDOW_S:.0f} s, of one core",
            parts={"median %": median(used_cpu), "fresh engine %": sum(fresh_cpu) / len(fresh_cpu)},
        ),
    ]


def _watch(bench: Bench, server: Server) -> tuple[list[float], dict[str, float]]:
    """CPU in percent of one core for each window, and the memory at the end."""
    time.sleep(SETTLE_S)
    percent = []
    for _ in range(bench.runs):
        before, started = threads_cpu_s(server.process.pid), time.monotonic()
        time.sleep(WINDOW_S)
        used, wall = threads_cpu_s(server.process.pid) - before, time.monotonic() - started
        percent.append(used / wall * 100)
    return percent, memory_mb(server.process.pid)
