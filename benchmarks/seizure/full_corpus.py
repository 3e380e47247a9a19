"""A corpus as large as TUSZ's train folder, through the full configuration: all files, their time, memory.

    .venv/bin/python -m benchmarks.seizure.full_corpus [--quick] [--recordings 4667] [--folder DIR]

Makes 4,667 recordings of a minute, then types `python -m seizure train configs/tusz_train_local.yaml` with
the tiny preset and a few steps: the configuration's own counts, 3734 + 933, are what the run is held to.
Every recording is built, and those of validation are scored. Memory is the sum of the proportional sets (Pss)
of the run's processes, sampled. Training's includes the model, so the loader is run again by itself.

With --quick, or another number, a fifth is held out. --folder keeps corpus and results there (7 GB), and goes
on with what is there.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.seizure.memory import BAR_BYTES, LOAD, family, peak_bytes, pss_bytes

ROOT = Path(__file__).parents[2]
CONFIG = "configs/tusz_train_local.yaml"
ALL, VAL = 4667, 933
STEPS = 3
# a phase lasts from the first line that begins so to the next phase's
PHASES = {
    "reading": "",
    "building train": "[DATA] Cache: ",
    "building val": "[DATA] Processed ",
    "training": "[TRAIN]",
    "scoring val": "[EVAL]",
    "report": "[DONE]",
}
BUILDING = slice(1, 3)
SAMPLED_S = 0.1


@dataclass
class Watch:
    """What is seen of a run while it goes on: its lines, and each phase's seconds and memory."""

    lines: list[str] = field(default_factory=list)
    began: list[float] = field(default_factory=lambda: [time.monotonic()])
    peaks_bytes: list[int] = field(default_factory=lambda: [0] * len(PHASES))

    def take(self, line: str) -> None:
        self.lines.append(line.rstrip())
        at = len(self.began)
        if at < len(PHASES) and line.startswith(list(PHASES.values())[at]):
            self.began.append(time.monotonic())

    def sample(self, process: "subprocess.Popen[str]") -> None:
        while process.poll() is None:
            phase = len(self.began) - 1
            memory = sum(map(pss_bytes, family(process.pid)))
            self.peaks_bytes[phase] = max(self.peaks_bytes[phase], memory)
            time.sleep(SAMPLED_S)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="200 recordings")
    parser.add_argument("--recordings", type=int, default=ALL, metavar="N")
    parser.add_argument("--folder", type=Path, metavar="DIR")
    given = parser.parse_args(arguments)
    count = 200 if given.quick else given.recordings
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    if given.folder:
        return measure(given.folder, count)
    with tempfile.TemporaryDirectory() as folder:
        return measure(Path(folder), count)


def measure(folder: Path, count: int) -> int:
    corpus, results = folder / "corpus", folder / "results"
    began = time.monotonic()
    synth = ["synth", str(corpus), "--train", str(count), "--dev", "1", "--eval", "1", "--short"]
    subprocess.run([sys.executable, "-m", "seizure", *synth], cwd=ROOT, check=True)
    made_s = time.monotonic() - began
    val = VAL if count == ALL else count // 5
    watch, status = train(corpus, results, [] if count == ALL else other_size(val))
    ends = [*watch.began[1:], time.monotonic()]
    phases_s = [end - start for start, end in zip(watch.began, ends, strict=True)]
    (cache,) = (path for path in (results / "cache/tusz").iterdir() if path.is_dir())
    loader_bytes = peak_bytes(LOAD, cache, 40)
    show(made_s, phases_s, watch.peaks_bytes, loader_bytes)
    build_bytes = max(watch.peaks_bytes[BUILDING])
    facts = {
        **seen(results, watch, status, count - val, val),
        "build and loader within 1.5 GB": max(build_bytes, loader_bytes) <= BAR_BYTES,
    }
    for fact, holds in facts.items():
        print(f"{'yes' if holds else 'NO ':3}  {fact}")
    return 0 if all(facts.values()) else 1


def other_size(val: int) -> list[str]:
    return ["--set", f"data.release='',data.holdout_val_files={val}"]


def train(corpus: Path, results: Path, more: Sequence[str]) -> tuple[Watch, int]:
    settings = f"model.preset=tiny,training.log_every_steps=1,training.validate_every_steps={STEPS}"
    command = [sys.executable, "-m", "seizure", "train", CONFIG, "--max-steps", str(STEPS)]
    command += ["--data", str(corpus), "--results", str(results), "--set", settings, *more]
    watch = Watch()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        sampling = threading.Thread(target=watch.sample, args=(process,))
        sampling.start()
        assert process.stdout is not None
        for line in process.stdout:
            watch.take(line)
            if not re.match(r"\[(CONFIG|EVAL)\]|\[DATA\] Processing", line):
                print(f"  {time.monotonic() - watch.began[0]:6.1f} s  {line}", end="", flush=True)
        sampling.join()
    return watch, process.returncode


def show(made_s: float, phases_s: Sequence[float], peaks_bytes: Sequence[int], loader_bytes: int) -> None:
    table = Table("phase", "seconds", "peak memory, GB", "bar, GB")
    table.add_row("(making the corpus)", f"{made_s:.0f}", "", "")
    for at, (name, seconds, peak) in enumerate(zip(PHASES, phases_s, peaks_bytes, strict=False)):
        bar = f"{BAR_BYTES / 1e9:.1f}" if at in range(*BUILDING.indices(len(PHASES))) else ""
        table.add_row(name, f"{seconds:.1f}", f"{peak / 1e9:.2f}", bar)
    table.add_row("the run in all", f"{sum(phases_s):.0f}", f"{max(peaks_bytes) / 1e9:.2f}", "")
    table.add_row("(loader alone, batches of 64)", "", f"{loader_bytes / 1e9:.2f}", f"{BAR_BYTES / 1e9:.1f}")
    Console(width=100).print(table)


def seen(results: Path, watch: Watch, status: int, train_files: int, val_files: int) -> dict[str, bool]:
    """What should hold of a run, and whether it does: by its lines, and by what lies in its folder."""
    folder = max((results / "runs").iterdir(), key=lambda path: path.stat().st_mtime)
    splits = json.loads((folder / "splits.json").read_text())
    train, val = ({one.partition("_")[0] for one in splits[name]} for name in ("train", "val"))
    shards = sum(1 for _ in (results / "cache/tusz").glob("*/*.shard"))
    scores = json.loads((folder / "scores-val.json").read_text())["scores"]
    loading = f"Loading {train_files} train, {val_files} val files"
    last = f"[DATA] Processing file {train_files}/{train_files}: "
    return {
        f"exit status 0 (it was {status})": status == 0,
        f"says {loading!r}": loading in watch.lines,
        f"says {last!r}…": any(line.startswith(last) for line in watch.lines),
        f"shards in the cache: {shards}": shards == train_files + val_files,
        f"patients in train and val: {len(train)} + {len(val)}, none in both": not train & val,
        f"recordings scored: {scores['recordings']}": scores["recordings"] == val_files,
        "the run's own verification": "  verdict: this is the run that was asked for" in watch.lines,
    }


if __name__ == "__main__":
    sys.exit(main())
