"""The loader's share of a training step: `python -m benchmarks.seizure.loader_share [--quick]`.

Trains `tiny` for a few steps on a small synthetic cache and takes the time that steps waited for their batch:
with the threads that the configuration has and, as the peer, with none, where every batch is read while the
model stands still. The last line is for GPUs: how many windows a second the loader gives when nothing is
computed beside it; a model that takes more would wait for it.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from seizure.cache import WindowSampler, build_cache, open_index
from seizure.config import resolve
from seizure.corpus import discover, read_all_annotations
from seizure.synth import make_corpus
from seizure.training.loop import train
from training_kit.metrics import read_metrics

CONFIG = Path(__file__).parents[2] / "configs/smoke_test.yaml"
BAR = 0.05
WORKERS = resolve(CONFIG).config.training.workers
STEPS = 30  # measured, after as many that are not
GPU_BATCH = 64  # as in configs/tusz_train_a100.yaml


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seizure.loader_share")
    parser.add_argument("--quick", action="store_true", help="`tiny` alone, fewer steps")
    given = parser.parse_args(arguments)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
    table = Table("loader threads", "windows a second", "loader's share", "bar")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ids = make_cache(folder)
        steps = STEPS // 3 if given.quick else STEPS
        for workers in (WORKERS, 0):
            pace, share = measure(folder, ids, workers, steps)
            table.add_row(str(workers), f"{pace:.0f}", f"{share:.1%}", f"{BAR:.0%}" if workers else "peer")
        alone = windows_alone(folder, ids, 5 if given.quick else 20)
    Console(width=100).print(table)
    print(f"the loader alone, {WORKERS} threads, batches of {GPU_BATCH}: {alone:.0f} windows a second")
    return 0


def make_cache(folder: Path) -> list[str]:
    """A cache of twelve recordings in `folder`/cache; the ids of its training recordings."""
    make_corpus(folder / "corpus", train_files=10, dev_files=1, eval_files=1)
    recordings = discover(folder / "corpus")
    annotations = read_all_annotations(recordings).annotations
    settings = resolve(CONFIG).config.preprocessing
    build_cache(recordings, annotations, settings, folder / "cache", processes=1, announce=lambda *_: None)
    return [recording.recording_id for recording in recordings if recording.partition == "train"]


def measure(folder: Path, ids: Sequence[str], workers: int, steps: int) -> tuple[float, float]:
    """(windows a second, loader's share) of the second half of a training of twice `steps`."""
    run = folder / f"run-{workers}"
    run.mkdir()
    changes = (
        f"training.steps={2 * steps},training.log_every_steps={steps},training.workers={workers},"
        f"training.validate_every_steps={2 * steps},training.checkpoint_every_steps={2 * steps},"
        "tracking.tensorboard=false"
    )
    config = resolve(CONFIG, [changes]).config
    index = open_index(folder / "cache")
    train(config, index, ids, ids, run, resume=False, max_steps=None, say=lambda line: None)
    last = read_metrics(run / "metrics.jsonl")[-1]
    return last["windows_a_s"], last["loader_share"]


def windows_alone(folder: Path, ids: Sequence[str], batches: int) -> float:
    """Windows a second with nothing else to do."""
    index = open_index(folder / "cache")
    with WindowSampler(index, ids, 15360, 0.5, GPU_BATCH, 0, workers=WORKERS) as windows:
        next(windows)
        began = time.perf_counter()
        for _ in range(batches):
            next(windows)
        return batches * GPU_BATCH / (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
