"""From `modal run` to the first training step, through Homeport's engine, the image built, and its parts.

`python -m benchmarks.tiny_cats.first_step [--runs N]` types the smoke runs of both trainings, as README does,
and takes the time at which each line comes. The peer is the same training as `python -m tiny_cats train`,
without client, engine and container, on the same machine in the same run.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.support.bench import REPOSITORY, Bench, Server
from benchmarks.support.processes import User, end

SHORT = "training.steps=1,training.log_every_steps=1"
TRAININGS = {
    "classifier": ("src/train.py", "train", "configs/classifier_smoke.yaml"),
    "TinyDiT": ("src/train_dit.py", "train-dit", "configs/tinydit_smoke.yaml"),
}
MOMENTS = {  # what a line says, and what has been done when it comes
    "client: import, app and image known, call spawned": r"^run as fc-",
    "container: started, its run begun": r"^\[RUN\] ",
    "PyTorch imported, pictures opened, model made": r"^\[TRAIN\] steps 1 to",
    "first step": r"^\[TRAIN\] step 1/",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiny_cats.first_step")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args(arguments)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    scratch = Path(tempfile.mkdtemp(prefix="hpb-"))
    try:
        bench = Bench(scratch, User(None), given.runs)
        with bench.own_engine() as server:
            for name, (app, command, config) in TRAININGS.items():
                show(name, *measure(bench, server, given.runs, app, command, config))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def measure(
    bench: Bench, server: Server, runs: int, app: str, command: str, config: str
) -> tuple[float, list[dict[str, float]], list[dict[str, float]]]:
    """(seconds of the first run, which builds the image; moments of those after it; of the peer's)."""
    words = [str(BIN / "modal"), "run", app, "--config-path", config, "--set", SHORT]
    environment = bench.env(server.client_env)
    first = moments(words, environment)["first step"]
    ours = [moments(words, environment) for _ in range(runs)]
    results = bench.scratch / command
    alone = [sys.executable, "-m", "tiny_cats", command, config, "--results", str(results), "--set", SHORT]
    moments(alone, bench.env())  # draws the pictures, as the first run above does
    return first, ours, [moments(alone, bench.env()) for _ in range(runs)]


BIN = Path(sys.executable).parent


def moments(words: Sequence[str], environment: dict[str, str]) -> dict[str, float]:
    """When each of MOMENTS first came, in seconds from the start of the command."""
    started, found, output = time.perf_counter(), dict[str, float](), []
    process = subprocess.Popen(
        words, cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            output.append(line)
            for name, pattern in MOMENTS.items():
                if name not in found and re.search(pattern, line):
                    found[name] = time.perf_counter() - started
        process.wait()
    finally:
        end(process)
    if "first step" not in found:
        raise RuntimeError(f"{' '.join(words)} showed no first step:\n{''.join(output)}")
    return found


def show(name: str, first: float, ours: list[dict[str, float]], peer: list[dict[str, float]]) -> None:
    table = Table(name, "modal run, s", "python -m tiny_cats, s")
    before = [dict.fromkeys(range(len(ours)), 0.0), dict.fromkeys(range(len(peer)), 0.0)]
    for moment in MOMENTS:
        cells = []
        for runs, at in zip((ours, peer), before, strict=True):
            took = []
            for number, run in enumerate(runs):
                if moment in run:
                    took.append(run[moment] - at[number])
                    at[number] = run[moment]
            cells.append(f"{median(took):.2f}" if took else "")
        table.add_row(moment, *cells)
    whole = [median(run["first step"] for run in runs) for runs in (ours, peer)]
    table.add_row("to the first step", *(f"{seconds:.2f}" for seconds in whole))
    Console(width=110).print(table)
    print(
        f"{name}: {whole[0] / whole[1]:.2f} of the time without the engine; the first run, which builds the "
        f"image, {first:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
