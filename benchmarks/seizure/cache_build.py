"""From EDF to the cache on one core: how many times real time, and where the time goes.

    .venv/bin/python -m benchmarks.seizure.cache_build [--quick] [--minutes 30] [--no-peer]

Bar: 2,000 times real time for all that a worker does for a recording: digest of the source, reading,
preprocessing, quantising, writing. Seconds are of processor time, so that a busy machine does not count;
what waiting for the disk adds is shown apart. The peer of the same run is how it is often done: MNE reads,
resamples and filters (float64), and the result is cut into float32 windows that overlap by half, in an NPZ.
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # as in a worker

import numpy as np  # noqa: E402

from seizure.cache.make import make  # noqa: E402
from seizure.cache.quantise import quantise  # noqa: E402
from seizure.cache.source import source_of  # noqa: E402
from seizure.cache.task import Done, Task, prepare_edf  # noqa: E402
from seizure.config.schema import Preprocessing  # noqa: E402
from seizure.corpus import Annotations, Recording, discover  # noqa: E402
from seizure.synth import make_corpus  # noqa: E402

T = TypeVar("T")

BAR = 2000
SETTINGS = Preprocessing()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one recording of ten minutes")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    minutes = 10 if given.quick else given.minutes
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        files = 1 if given.quick else 4
        make_corpus(root / "corpus", train_files=files, dev_files=0, eval_files=0, minutes=minutes)
        recordings = discover(root / "corpus")
        measure(recordings, root / "cache", minutes * 60)
        if not given.no_peer:
            size, spent_s, _ = timed(lambda: peer(recordings[0].path, root / "peer.npz"))
            print(f"{'peer: MNE, windows in NPZ':36s} {minutes * 60 / spent_s:7.0f} times real time; {size}")


def measure(recordings: list[Recording], folder: Path, duration_s: float) -> None:
    folder.mkdir()
    rates: list[float] = []
    for recording in [recordings[0], *recordings]:  # the first one warms up
        task = Task(recording, Annotations(()), SETTINGS, folder, "", False, prepare_edf)
        done, spent_s, wall_s = timed(lambda task=task: make(task))
        assert done == Done("built"), done
        rates.append(duration_s / spent_s)
        made = next(folder.glob("*.shard"))
        made.unlink()
    rate = float(np.median(rates[1:]))
    verdict = "meets" if rate >= BAR else "MISSES"
    print(f"{'EDF to cache, one core':36s} {rate:7.0f} times real time   {verdict} {BAR}")
    print(f"{'':36s} {duration_s / wall_s:7.0f} by the clock, with the disk's syncing and other programs")
    path = recordings[-1].path
    _, digest_s, _ = timed(lambda: source_of(path))
    prepared, prepare_s, _ = timed(lambda: prepare_edf(path, SETTINGS))
    _, quantise_s, _ = timed(lambda: quantise(prepared, SETTINGS.clip_sigma))
    total_s = duration_s / rates[-1]
    parts = {
        "digest": digest_s,
        "preprocessing": prepare_s,
        "quantising": quantise_s,
        "writing": total_s - digest_s - prepare_s - quantise_s,
    }
    print("of which " + ", ".join(f"{name} {spent_s * 1000:.0f} ms" for name, spent_s in parts.items()))


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """(result, seconds of processor time, seconds by the clock)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def peer(edf: Path, npz: Path) -> str:
    import mne

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.read_raw_edf(edf, preload=True, verbose="error").pick(list(range(19)))
        raw.resample(SETTINGS.rate_hz, verbose="error")
        raw.filter(SETTINGS.low_hz, SETTINGS.high_hz, verbose="error")
        raw.notch_filter(SETTINGS.mains_hz, verbose="error")
    x_CT = raw.get_data().astype(np.float32)
    window = 60 * SETTINGS.rate_hz
    starts = range(0, x_CT.shape[1] - window + 1, window // 2)
    np.savez(npz, x=np.stack([x_CT[:, start : start + window] for start in starts]))
    hours = x_CT.shape[1] / SETTINGS.rate_hz / 3600
    return f"{npz.stat().st_size / 1e6 / hours:.0f} MB an hour"


if __name__ == "__main__":
    main()
