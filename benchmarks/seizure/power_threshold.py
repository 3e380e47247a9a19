"""What a threshold on power makes of the synthetic corpus: SzCORE event F1 below 0.5, or it is trivial.

Each measure (power, power of 1 to 30 Hz, of 2 to 10 Hz, line length) gets its best chance: absolute or
against the recording's own median, over all channels in four ways, smoothed over 1, 4 or 10 s. The variant
and the threshold with the best F1 on the train folder are scored on dev and eval, which they did not see.
"""

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from seizure.config.schema import Lengths, Preprocessing
from seizure.corpus import discover, read_annotations
from seizure.corpus.recording import Recording, Seizure
from seizure.edf import open_edf
from seizure.events import postprocess
from seizure.scoring import score
from seizure.signal.prepare import preprocess
from seizure.synth import make_corpus

Floats = NDArray[np.float32]
BAR = 0.5
GRID_HZ = 4  # measures are taken over 0.25 s
MEASURES = ("power", "power 1-30 Hz", "power 2-10 Hz", "line length 1-30 Hz")
SCALES = ("absolute", "relative")
REDUCTIONS = ("mean", "median", "highest", "fourth highest")
SMOOTHINGS_S = (1, 4, 10)
THRESHOLDS = 40  # quantiles of the train folder's values that are tried


@dataclass(frozen=True)
class Measured:
    """One recording: its seizures and each measure of each channel, (measures, channels, time)."""

    recording_id: str
    partition: str
    duration_s: float
    seizures: list[Seizure]
    values_MCT: Floats  # noqa: N815


def measure(recording: Recording) -> Measured:
    edf = open_edf(recording.path)
    prepared = preprocess(edf, Preprocessing())
    x_CT, rate_hz = np.asarray(prepared.x_uv_CT), prepared.rate_hz
    broad_CT = _band(x_CT, rate_hz, 1, 30)
    narrow_CT = _band(x_CT, rate_hz, 2, 10)
    steps_CT = np.abs(np.diff(broad_CT, axis=1, prepend=broad_CT[:, :1]))
    squares = [x_CT**2, broad_CT**2, narrow_CT**2]
    values_MCT = np.stack([_per_grid(values_CT, rate_hz) for values_CT in [*squares, steps_CT]])
    seizures = list(read_annotations(recording, edf.duration_s).seizures)
    return Measured(recording.recording_id, recording.partition, edf.duration_s, seizures, values_MCT)


def _band(x_CT: Floats, rate_hz: int, low_hz: float, high_hz: float) -> Floats:
    filtered: Floats = sosfiltfilt(butter(3, [low_hz, high_hz], "bandpass", fs=rate_hz, output="sos"), x_CT)
    return filtered


def _per_grid(values_CT: Floats, rate_hz: int) -> Floats:
    block = rate_hz // GRID_HZ
    count = values_CT.shape[1] // block
    blocks = values_CT[:, : count * block].reshape(len(values_CT), count, block)
    return blocks.mean(axis=2).astype(np.float32)


def variants() -> Iterator[tuple[str, str, int]]:
    return itertools.product(SCALES, REDUCTIONS, SMOOTHINGS_S)


def curve(measured: Measured, number: int, variant: tuple[str, str, int]) -> Floats:
    """One value for each step of the grid, to be compared with a threshold."""
    scale, reduction, smoothing_s = variant
    values_CT = uniform_filter1d(measured.values_MCT[number], smoothing_s * GRID_HZ, axis=1)
    if scale == "relative":
        values_CT = values_CT / (np.median(values_CT, axis=1, keepdims=True) + 1e-6)
    match reduction:
        case "mean":
            return np.asarray(values_CT.mean(axis=0))
        case "median":
            return np.asarray(np.median(values_CT, axis=0))
        case "highest":
            return np.asarray(values_CT.max(axis=0))
        case _:
            return np.asarray(np.sort(values_CT, axis=0)[-4])


def event_f1(part: list[Measured], curves: list[Floats], threshold: float) -> float:
    reference = {one.recording_id: (one.seizures, one.duration_s) for one in part}
    detections = {
        one.recording_id: postprocess(curve_T, GRID_HZ, threshold, Lengths())
        for one, curve_T in zip(part, curves, strict=True)
    }
    return score(reference, detections).szcore_events.f1 or 0.0


def fit(part: list[Measured], number: int) -> tuple[float, tuple[str, str, int], float]:
    """The best F1 of a measure on `part`, with its variant and threshold."""
    best = (-1.0, next(variants()), 0.0)
    for variant in variants():
        curves = [curve(one, number, variant) for one in part]
        for threshold in np.quantile(np.concatenate(curves), np.linspace(0.5, 0.9995, THRESHOLDS)):
            f1 = event_f1(part, curves, float(threshold))
            best = max(best, (f1, variant, float(threshold)))
    return best


def _job(task: tuple[list[Measured], list[Measured], int]) -> tuple[float, float, str]:
    train, unseen, number = task
    train_f1, variant, threshold = fit(train, number)
    unseen_f1 = event_f1(unseen, [curve(one, number, variant) for one in unseen], threshold)
    return train_f1, unseen_f1, f"{variant[0]}, {variant[1]} of channels, over {variant[2]} s"


def run(corpus: Path, processes: int) -> list[tuple[str, float, float, str]]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        measured = list(pool.map(measure, discover(corpus), chunksize=4))
        train = [one for one in measured if one.partition == "train"]
        unseen = [one for one in measured if one.partition != "train"]
        found = list(pool.map(_job, [(train, unseen, number) for number in range(len(MEASURES))]))
    return [(name, *result) for name, result in zip(MEASURES, found, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seizure.power_threshold", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="16 + 8 recordings in place of 50 + 20")
    parser.add_argument("--corpus", type=Path, help="score this corpus in place of a new one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    train, rest = (16, 4) if arguments.quick else (50, 10)
    with tempfile.TemporaryDirectory() as folder:
        corpus = arguments.corpus or Path(folder) / "corpus"
        if not arguments.corpus:
            make_corpus(corpus, train_files=train, dev_files=rest, eval_files=rest, seed=arguments.seed)
        rows = run(corpus, arguments.processes)
    table = Table("threshold on", "train F1", "unseen F1", "bar", "best variant")
    for name, train_f1, unseen_f1, words in rows:
        table.add_row(name, f"{train_f1:.2f}", f"{unseen_f1:.2f}", f"< {BAR}", words)
    Console().print(table)
    return 0 if all(unseen_f1 < BAR for _, _, unseen_f1, _ in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
