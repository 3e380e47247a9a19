"""From EDF to filtered channels on one core: our reader and filter beside edfio, scipy and MNE; the memory.

A synthetic recording of 30 minutes: 19 channels at 250 Hz among 34, as TUSZ has them. Each step runs several
times beside its peers in turn, and the median counts. The bars are the best figures known for two such cores.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import edfio
import mne
import numpy as np
import scipy.signal
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from seizure.config.schema import Preprocessing
from seizure.edf import open_edf
from seizure.signal import preprocess
from seizure.signal.channels import REFERENTIAL19

RATE_HZ, CHANNELS = 250, range(19)
BLOCK_S = 64  # what is read at a time, as preprocessing does
SETTINGS = Preprocessing()
MEMORY_BAR_MB = 700  # of the two processes' 1.5 GB
REAL_TIME_BAR = 2000


def write_recording(path: Path, minutes: int) -> Path:
    """Pink-like noise with drift and mains: 19 EEG channels, 14 others, one at 1 Hz."""
    random = np.random.default_rng(0)
    n = minutes * 60 * RATE_HZ
    mains_T = 15 * np.sin(2 * np.pi * 60 * np.arange(n) / RATE_HZ)
    labels = [*(f"EEG {name.upper()}-REF" for name in REFERENTIAL19), *(f"EEG X{i}-REF" for i in range(14))]
    signals = []
    for label in labels:
        walk_T = scipy.signal.lfilter([1], [1, -0.98], random.standard_normal(n)) * 6
        signals.append(
            edfio.EdfSignal(
                walk_T + mains_T, RATE_HZ, label=label, physical_dimension="uV", physical_range=(-5000, 5000)
            )
        )
    signals.append(edfio.EdfSignal(np.zeros(minutes * 60), 1, label="IBI", physical_range=(0, 100)))
    edfio.Edf(signals).write(path)
    return path


def read_ours(path: Path) -> None:
    edf = open_edf(path)
    for start in range(0, round(edf.duration_s), BLOCK_S):
        edf.read_uv(CHANNELS, start, start + BLOCK_S)


def read_edfio(path: Path) -> None:
    """edfio's digital slices, calibrated here: its physical ones are in double precision and slower."""
    edf = edfio.read_edf(path)
    signals = edf.signals[: len(CHANNELS)]
    for start in range(0, round(edf.duration), BLOCK_S):
        x_CT = np.empty((len(signals), BLOCK_S * RATE_HZ), np.float32)
        for x_T, signal in zip(x_CT, signals, strict=True):
            digital, physical = signal.digital_range, signal.physical_range
            gain = (physical.max - physical.min) / (digital.max - digital.min)
            digital_T = signal.get_digital_slice(start, min(start + BLOCK_S, edf.duration))
            np.multiply(digital_T, np.float32(gain), out=x_T[: len(digital_T)])
            x_T += np.float32(physical.min - digital.min * gain)


def read_mne(path: Path) -> NDArray[np.float64]:
    raw = mne.io.read_raw_edf(path, verbose="error")
    return np.asarray(raw.get_data(picks=list(CHANNELS)))


def filter_scipy(path: Path) -> NDArray[np.float32]:
    """The ordinary way in single precision: polyphase resampling, then zero-phase recursive filters."""
    x_CT = scipy.signal.resample_poly(open_edf(path).read_uv(CHANNELS), 128, 125, axis=1)
    x_CT -= x_CT.mean(axis=0)
    sections = [scipy.signal.butter(4, [0.5, 100], "bandpass", fs=256, output="sos")]
    sections += [scipy.signal.tf2sos(*scipy.signal.iirnotch(f, 30, fs=256)) for f in (60, 120)]
    filtered: NDArray[np.float32] = scipy.signal.sosfiltfilt(np.concatenate(sections), x_CT, axis=1)
    return filtered


def filter_mne(path: Path) -> NDArray[np.float64]:
    raw = mne.io.read_raw_edf(path, verbose="error").pick(list(CHANNELS)).load_data(verbose="error")
    raw.resample(256, verbose="error").filter(0.5, 100, verbose="error")
    raw.notch_filter([60, 120], verbose="error").set_eeg_reference("average", verbose="error")
    return np.asarray(raw.get_data())


def whole_file(path: Path) -> NDArray[np.float32]:
    return preprocess(open_edf(path), SETTINGS).x_uv_CT


def medians_ms(steps: dict[str, Callable[[Path], object]], path: Path, runs: int) -> dict[str, float]:
    """CPU time of this process, the steps in turn, so that a noisy minute meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(runs):
        for name, step in steps.items():
            begin = time.process_time()
            step(path)
            times[name].append(1000 * (time.process_time() - begin))
    return {name: statistics.median(values) for name, values in times.items()}


MEMORY = """
import sys, time
from pathlib import Path
from seizure.config.schema import Preprocessing
from seizure.edf import open_edf
from seizure.signal import preprocess
begin = time.process_time()
prepared = preprocess(open_edf(Path(sys.argv[1])), Preprocessing(), scratch=Path(sys.argv[1]).parent)
for start in range(0, prepared.n_samples, 1 << 18):
    prepared.read(start, start + (1 << 18))
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent's memory before exec
print(int(status.partition("VmHWM:")[2].split()[0]) / 1024, time.process_time() - begin)
"""


def lengthened(path: Path, times: int, folder: Path) -> Path:
    """The same recording `times` over in one file."""
    edf, long = open_edf(path), folder / "long.edf"
    content = path.read_bytes()
    head = bytearray(content[: edf.header.length_bytes])
    head[236:244] = str(edf.n_records * times).ljust(8).encode()
    with long.open("wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(content[edf.header.length_bytes :])
    return long


def memory_mb(path: Path) -> tuple[float, float]:
    """Peak memory in MB and CPU seconds of a process of its own that prepares `path` and reads it all."""
    printed = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    peak_mb, cpu_s = printed.stdout.split()
    return float(peak_mb), float(cpu_s)


def add_times(table: Table, path: Path, minutes: int, runs: int) -> None:
    reading = medians_ms({"ours": read_ours, "edfio": read_edfio, "mne, at once": read_mne}, path, runs)
    whole = medians_ms(
        {"ours": whole_file, "scipy": filter_scipy, "mne": filter_mne}, path, max(3, runs // 3)
    )
    for peer in ("edfio", "mne, at once"):
        ratio = reading[peer] / reading["ours"]
        measured = f"{reading['ours']:.0f} ms"
        table.add_row(
            "EDF to 19 channels, in blocks", measured, "", f"{peer} {reading[peer]:.0f} ms", f"{ratio:.1f}"
        )
    factor = minutes * 60_000 / whole["ours"]
    bar = f"{0.9 * minutes / 30:.2g} s; {REAL_TIME_BAR:,} x real time with the cache"
    for peer in ("scipy", "mne"):
        measured = f"{whole['ours']:.0f} ms, {factor:,.0f} x real time"
        ratio = whole[peer] / whole["ours"]
        table.add_row("EDF to filtered 256 Hz", measured, bar, f"{peer} {whole[peer]:.0f} ms", f"{ratio:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 minutes of recording, and 2 hours for memory")
    quick = parser.parse_args().quick
    minutes, hours, runs = (5, 2, 3) if quick else (30, 24, 15)
    table = Table("figure", "measured (CPU of one core)", "bar", "peer of the same run", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        path = write_recording(Path(folder) / "a.edf", minutes)
        add_times(table, path, minutes, runs)
        long = lengthened(path, hours * 60 // minutes, Path(folder))
        peak_mb, cpu_s = memory_mb(long)
        base_mb, _ = memory_mb(path)
    measured = f"{peak_mb:.0f} MB ({minutes} min: {base_mb:.0f} MB), {3600 * hours / cpu_s:,.0f} x real time"
    table.add_row(f"peak memory, {hours} h", measured, f"{MEMORY_BAR_MB} MB", "", "")
    Console(width=150).print(table)
    return 0 if peak_mb < MEMORY_BAR_MB else 1


if __name__ == "__main__":
    sys.exit(main())
