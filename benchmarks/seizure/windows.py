"""Random 60 s windows a second, on one core, from memory-mapped shards: as int16, and as float32 for a model.

    .venv/bin/python -m benchmarks.seizure.windows [--quick] [--shards 200] [--minutes 12]

Bar: 3,000 a second. The peer of the same run is the known way: `numpy.memmap` of a (C, T) file, cut and cast.
Seconds are of processor time, so that a busy machine does not count; all shards are in the page cache.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.seizure.made_shards import make_shards
from seizure.cache import WindowSampler, open_index, robust
from seizure.cache.index import Index
from seizure.cache.windows import Batch

BAR = 3000
WINDOW = 60 * 256
BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=12)
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    seconds = 1.0 if given.quick else 5.0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_shards(folder, 20 if given.quick else given.shards, given.minutes)
        index = open_index(folder)
        ids = [shard.recording_id for shard in index.shards]
        peer = measure_peer(index, folder, seconds)
        print(f"{len(ids)} shards of {given.minutes:g} min, windows of 60 s, 19 channels, one core")
        for name, workers, finish in CASES:
            with WindowSampler(index, ids, WINDOW, 0.5, BATCH, 0, workers=workers) as sampler:
                rate = measure(sampler, finish, seconds)
            ok = "meets" if rate >= BAR else "MISSES"
            print(f"{name:48s} {rate:8.0f} a second   {ok} {BAR}   {rate / peer:5.2f} times the peer")
        print(f"{'peer: memmap of (C, T), cut and cast':48s} {peer:8.0f} a second")


def as_int16(_: Batch) -> None:
    """The model takes int16 and scales it on the GPU."""


def as_float32(batch: Batch, out: np.ndarray = np.empty((BATCH, 19, WINDOW), np.float32)) -> None:  # noqa: B008
    """The cast on the CPU, into one array that is used again and again."""
    robust(batch.q_BCT, 40, out)


CASES: tuple[tuple[str, int, Callable[[Batch], None]], ...] = (
    ("int16 (cast on the device), no threads", 0, as_int16),
    ("int16 (cast on the device), 2 threads", 2, as_int16),
    ("float32 (cast on the CPU), no threads", 0, as_float32),
    ("float32 (cast on the CPU), 2 threads", 2, as_float32),
)


def measure(sampler: WindowSampler, finish: Callable[[Batch], None], seconds: float) -> float:
    for _ in range(10):
        finish(next(sampler))
    count, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        finish(next(sampler))
        count += BATCH
    return count / (time.process_time() - started)


def measure_peer(index: Index, folder: Path, seconds: float) -> float:
    """`numpy.memmap` of (C, T) int16, one file a recording, all open; a window cut and cast at a time."""
    maps = []
    for shard in index.shards[:50]:
        path = folder / f"{shard.recording_id}.peer"
        np.zeros((19, shard.n_samples), np.int16).tofile(path)
        maps.append(np.memmap(path, np.int16, "r", shape=(19, shard.n_samples)))
    random, out = np.random.default_rng(0), np.empty((19, WINDOW), np.float32)
    count, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        q_CT = maps[random.integers(len(maps))]
        start = random.integers(q_CT.shape[1] - WINDOW)
        np.multiply(q_CT[:, start : start + WINDOW], np.float32(40 / 32767), out=out)
        count += 1
    return count / (time.process_time() - started)


if __name__ == "__main__":
    main()
