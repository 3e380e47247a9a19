"""A line printed in the container until the client shows it: 100 ms, p50.

Lines hold the time at which they were printed; this process reads the client's output. The reference is the
same client shown lines by a null server that makes them at the moment of sending.
"""

import time

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles

BAR_MS = 100.0
LINES = 20  # for each run of `modal run`
RUNS = 5  # of the command; so 100 lines
INTERVAL_S = 0.08


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    engine_ms: list[float] = []
    null_ms: list[float] = []
    with bench.null("--log-lines", str(LINES), "--log-interval", str(INTERVAL_S)) as null:
        for _ in range(RUNS):
            engine_ms += _delays_ms(bench, server)
            null_ms += _delays_ms(bench, null)
    return [
        Figure(
            "printed line until the client shows it, p50",
            f"{BAR_MS:.0f} ms",
            median(engine_ms),
            "ms",
            len(engine_ms),
            passed=median(engine_ms) <= BAR_MS,
            reference="null server's line",
            reference_value=median(null_ms),
            ratio=median(engine_ms) / median(null_ms),
            spread=quartiles(engine_ms),
            note=f"{RUNS} runs of {LINES} lines each",
            parts={"p95 ms": sorted(engine_ms)[int(len(engine_ms) * 0.95)]},
        )
    ]


def _delays_ms(bench: Bench, server: Server) -> list[float]:
    process = bench.modal(
        server, "run", str(bench.app("lines.py")), "--count", str(LINES), "--interval", str(INTERVAL_S)
    )
    assert process.stdout is not None
    delays, output = [], []
    for line in process.stdout:
        now = time.time()
        output.append(line)
        if line.startswith("at "):
            delays.append((now - float(line.split()[1])) * 1e3)
    if process.wait() or len(delays) != LINES:
        raise RuntimeError(f"modal run lines.py showed {len(delays)} of {LINES} lines:\n{''.join(output)}")
    return delays
