"""`homeport up` until it says that the engine is ready: 0.5 s.

The reference is an interpreter that imports asyncio, SQLite and Modal's stubs, which no engine can do
without. Neither engine nor command imports the `modal` client: that alone would take as long as the bar.
"""

import subprocess
import sys
import time

from benchmarks.support.bench import Bench
from benchmarks.support.figures import Figure, median, quartiles

BAR_S = 0.5
HOMEPORT = [sys.executable, "-m", "homeport"]
STUBS = "import asyncio, sqlite3, modal_proto.api_pb2"


def run(bench: Bench) -> list[Figure]:
    home = bench.new_home()
    took, bare, stubs = [], [], []
    first = _up_s(bench, home)
    _down(bench, home)
    try:
        for _ in range(bench.runs):
            bare.append(_python_s(bench, "pass"))
            stubs.append(_python_s(bench, STUBS))
            took.append(_up_s(bench, home))
            _down(bench, home)
    finally:
        _down(bench, home)
    return [
        Figure(
            "homeport up to ready",
            f"{BAR_S} s",
            median(took),
            "s",
            len(took),
            passed=median(took) <= BAR_S,
            reference="python that imports the stubs",
            reference_value=median(stubs),
            ratio=median(took) / median(stubs),
            spread=quartiles(took),
            parts={"first on a new home s": first, "bare python s": median(bare)},
        )
    ]


def _up_s(bench: Bench, home: object) -> float:
    started = time.perf_counter()
    process = bench.start(
        [*HOMEPORT, "up"], env={"HOMEPORT_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.communicate()[0]
    if process.returncode:
        raise RuntimeError(f"homeport up failed: {output}")
    return time.perf_counter() - started


def _down(bench: Bench, home: object) -> None:
    bench.start(
        [*HOMEPORT, "down"],
        env={"HOMEPORT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ).wait()


def _python_s(bench: Bench, code: str) -> float:
    started = time.perf_counter()
    if bench.start([sys.executable, "-c", code]).wait():
        raise RuntimeError(f"python -c {code!r} failed")
    return time.perf_counter() - started
