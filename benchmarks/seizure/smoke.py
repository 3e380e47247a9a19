"""The smoke run from EDF to report, as a user types it: `python -m benchmarks.seizure.smoke [--seeds 3]`.

For each seed a fresh synthetic corpus, then `python -m seizure train configs/smoke_test.yaml`: that one
command is timed. F1 is SzCORE's, of events in the eval folder's recordings, whose patients neither training
nor the threshold has seen. A few seizures decide it, so the last line takes those of all seeds together.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
CONFIG = "configs/smoke_test.yaml"
TIME_BAR_S, F1_BAR = 300.0, 0.90
# a phase lasts from the first line that begins so to the next phase's
PHASES = {"start": "", "cache": "Loading ", "training": "[TRAIN]", "scoring": "[EVAL]", "report": "[REPORT]"}
QUICK = ("training.steps=20", "training.warmup_steps=5", "training.validate_every_steps=20")


@dataclass(frozen=True)
class Outcome:
    """One run: seconds by phase, and the events of eval counted."""

    seed: int
    phases_s: Mapping[str, float]
    hits: float
    false_alarms: float
    misses: float

    @property
    def total_s(self) -> float:
        return sum(self.phases_s.values())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seizure.smoke")
    parser.add_argument("--seeds", type=int, default=3, help="corpora, each of another seed")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one seed, 20 steps: the way is open")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    given = parser.parse_args(arguments)
    seeds = range(given.first_seed, given.first_seed + (1 if given.quick else given.seeds))
    overrides = [*given.set, *(QUICK if given.quick else ())]
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    outcomes = [run(seed, overrides) for seed in seeds]
    show(outcomes)
    return 0


def run(seed: int, overrides: Sequence[str]) -> Outcome:
    """One corpus and one smoke run on it, in a temporary folder."""
    with tempfile.TemporaryDirectory() as temporary:
        corpus, results = Path(temporary) / "corpus", Path(temporary) / "results"
        subprocess.run(
            [sys.executable, "-m", "seizure", "synth", str(corpus), "--seed", str(seed)],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "seizure",
            "train",
            CONFIG,
            "--data",
            str(corpus),
            "--results",
            str(results),
        ]
        phases_s = timed([*command, *(word for key in overrides for word in ("--set", key))])
        (scores,) = results.glob("runs/*/scores-eval.json")
        events = json.loads(scores.read_text())["scores"]["szcore_events"]
    return Outcome(seed, phases_s, events["hits"], events["false_alarms"], events["misses"])


def timed(command: Sequence[str]) -> dict[str, float]:
    """Runs `command`, shows its lines, and tells how long each phase took."""
    began, names, starts = time.monotonic(), list(PHASES), [time.monotonic()]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(f"  {time.monotonic() - began:6.1f} s  {line}", end="", flush=True)
            if len(starts) < len(names) and line.startswith(PHASES[names[len(starts)]]):
                starts.append(time.monotonic())
    if process.returncode or len(starts) < len(names):
        raise SystemExit(f"the run ended with status {process.returncode}")
    ends = [*starts[1:], time.monotonic()]
    return {name: end - start for name, start, end in zip(names, starts, ends, strict=True)}


def f1_of(hits: float, false_alarms: float, misses: float) -> float:
    return 2 * hits / max(2 * hits + false_alarms + misses, 1e-9)


def show(outcomes: Sequence[Outcome]) -> None:
    table = Table("seed", *(f"{name}, s" for name in PHASES), "total, s", "seizures", "hit", "false", "F1")
    for one in outcomes:
        counted = (one.hits, one.false_alarms, one.misses)
        table.add_row(
            str(one.seed),
            *(f"{seconds:.1f}" for seconds in one.phases_s.values()),
            f"{one.total_s:.0f}",
            f"{one.hits + one.misses:.0f}",
            f"{one.hits:.0f}",
            f"{one.false_alarms:.0f}",
            f"{f1_of(*counted):.3f}",
        )
    Console(width=130).print(table)
    sums = [sum(getattr(one, name) for one in outcomes) for name in ("hits", "false_alarms", "misses")]
    slowest_s = max(one.total_s for one in outcomes)
    print(f"slowest run, EDF to report: {slowest_s:.0f} s (bar {TIME_BAR_S:.0f} s)")
    print(f"event F1 on unseen recordings, all seeds together: {f1_of(*sums):.3f} (bar {F1_BAR:.2f})")


if __name__ == "__main__":
    sys.exit(main())
