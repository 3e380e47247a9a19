"""From a line that breaks a contract to the end of its container: a second. What judging lines costs.

The container prints the time every 10 ms until it is ended; the last one is in its log.
"""

import shutil
import time

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles
from homeport.control.runs.lines import run_lines
from homeport.model.home import Home
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.reading import read

BAR_S = 1.0
BAR_LINE_US = 20.0
LINES = 20_000
CONTRACT = r"""
[contract.full]
when = { function = "train" }
observe = 'Loading (?P<train>\d+) train, (?P<val>\d+) val files'
expect = { train = 3734, val = 933 }
"""


def run(bench: Bench) -> list[Figure]:
    return [_stops(bench), _lines(bench)]


def _stops(bench: Bench) -> Figure:
    server = bench.engine()
    folder = bench.scratch / "wrong_count"  # of its own: other apps must not find the contract
    folder.mkdir()
    app = folder / "wrong_count.py"
    shutil.copy(bench.app("wrong_count.py"), app)
    (folder / "homeport.toml").write_text(CONTRACT)
    bench.user.own(folder)
    seconds = [_lived_s(bench, server, str(app)) for _ in range(bench.runs_of(6.0) + 1)][
        1:
    ]  # the first makes the image
    return Figure(
        "a line that breaks the contract until its container has ended",
        f"{BAR_S:g} s",
        median(seconds),
        "s",
        len(seconds),
        passed=max(seconds) <= BAR_S,
        spread=quartiles(seconds),
        parts={"longest s": max(seconds)},
    )


def _lived_s(bench: Bench, server: Server, app: str) -> float:
    """How long the container lived after the line."""
    assert server.home is not None
    home = Home(server.home)
    before = {path.stem for path in home.logs.glob("ta-*.log")}
    process = bench.modal(server, "run", app)
    output = process.communicate()[0]
    tasks = {path.stem for path in home.logs.glob("ta-*.log")} - before
    if process.returncode == 0 or "expected 3734 train files, saw 50" not in output or len(tasks) != 1:
        raise RuntimeError(f"the run was not stopped by its contract, or was tried again:\n{output}")
    lines = [line.split() for line in run_lines(home, tasks)]
    shown = next(float(words[-1]) for words in lines if words[:1] == ["Loading"])
    alive = (float(words[1]) for words in lines if words[:1] == ["alive"] and len(words) == 2)
    return max(alive, default=shown) - shown  # none where it was ended within 10 ms


def _lines(bench: Bench) -> Figure:
    """The processor's time, for lines of a training that show nothing."""
    lines = [
        (0.0, f"[TRAIN] Epoch {n}/{LINES}: loss 0.{n}, val loss 0.5, accuracy 0.9") for n in range(LINES)
    ]
    found = []
    for _ in range(bench.runs):
        judge = Judge(read(CONTRACT).contracts[0])
        started = time.process_time()
        judge.printed("ta-1", lines)
        found.append((time.process_time() - started) / LINES * 1e6)
    return Figure(
        "judging a line",
        f"{BAR_LINE_US:g} µs",
        median(found),
        "µs",
        len(found),
        passed=median(found) <= BAR_LINE_US,
        spread=quartiles(found),
        note="of a contract with one pattern",
    )
