"""Real EEG in ../shared/data/eeg, as EDF: Helsinki's HDF5 and CHB-MIT's arrays converted, others found.

Nothing here is part of the product, and no sample of it is kept in the repository: who uses it skips where
the folder is absent.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from edfio import Edf, EdfSignal
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure
from seizure.events import write_csv_bi

ROOT = Path(__file__).parents[3] / "../shared/data/eeg"
HELSINKI = ROOT / "helsinki_neonatal"
CHBMIT = ROOT / "chbmit_10s_npy"
CORPORA = ROOT / "epilepsy2bids/tests/data"  # genuine headers and annotations, 2 s of noise as signal

EXPERTS = {
    "A": "annotations_2017_A_fixed.csv",
    "B": "annotations_2017_B.csv",
    "C": "annotations_2017_C.csv",
}

# the channels of CHB-MIT's case chb01, from its summary file; the last repeats the 15th
CHBMIT_CHANNELS = (
    *("FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP1-F3", "F3-C3", "C3-P3", "P3-O1"),
    *("FP2-F4", "F4-C4", "C4-P4", "P4-O2", "FP2-F8", "F8-T8", "T8-P8", "P8-O2"),
    *("FZ-CZ", "CZ-PZ", "P7-T7", "T7-FT9", "FT9-FT10", "FT10-T8", "T8-P8"),
)
CHBMIT_HZ = 256


@dataclass(frozen=True, slots=True)
class Converted:
    """An EDF file made of real samples, and the seizures in it."""

    path: Path
    duration_s: float
    seizures: tuple[Seizure, ...]


def write_edf(path: Path, x_uv_CT: NDArray[np.float64], channels: Sequence[str], rate_hz: int) -> float:
    """Writes whole seconds of `x_uv_CT` with the resolution of the largest value; gives the duration."""
    seconds = x_uv_CT.shape[1] // rate_hz
    x_uv_CT = x_uv_CT[:, : seconds * rate_hz]
    limit_uv = float(np.ceil(np.abs(x_uv_CT).max())) + 1.0
    signals = [
        EdfSignal(x_T, rate_hz, label=name, physical_dimension="uV", physical_range=(-limit_uv, limit_uv))
        for name, x_T in zip(channels, x_uv_CT, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    Edf(signals, data_record_duration=1).write(path)
    return float(seconds)


def helsinki(folder: Path, partition: str = "eval") -> list[Converted]:
    """The two neonatal recordings in TUSZ's layout below `folder`, with .csv_bi.

    They are volts at 64 Hz in 18 bipolar channels, and a column that says seizure or not. Each is a row of
    single seconds of several infants, all seizure seconds first: the signal jumps at every second
    (`jump_at_seconds`), so they are real EEG and no continuous recording.
    """
    converted = []
    for expert in "AB":
        x_uv_CT, is_seizure_T, channels = read_helsinki(expert)
        stem = f"helsinki{expert.lower()}_s001_t000"
        path = folder / "edf" / partition / stem.partition("_")[0] / "s001_2017" / "01_tcp_ar" / f"{stem}.edf"
        duration_s = write_edf(path, x_uv_CT, channels, 64)
        seizures = tuple(runs(is_seizure_T, 64.0))
        write_csv_bi(path.with_suffix(".csv_bi"), seizures, duration_s, stem)
        converted.append(Converted(path, duration_s, seizures))
    return converted


def read_helsinki(expert: str) -> tuple[NDArray[np.float64], NDArray[np.bool_], tuple[str, ...]]:
    """(x_uv_CT, is_seizure_T, channels) at 64 Hz."""
    import h5py

    with h5py.File(HELSINKI / f"expert_{expert}_1sec_1chunk_64Hz.hdf5") as file:
        matrix = file["FINAL_mtx"]
        x_TC = matrix[:]
        names = [str(name) for name in matrix.attrs["columns"]]
    return 1e6 * x_TC[:, :-1].T, x_TC[:, -1] > 0.5, tuple(names[:-1])


def jump_at_seconds(x_CT: NDArray[np.float64], rate_hz: int) -> float:
    """How much larger the step from one second to the next is than the steps within one (medians)."""
    steps_CT = np.abs(np.diff(x_CT, axis=1))
    is_border_T = np.arange(steps_CT.shape[1]) % rate_hz == rate_hz - 1
    return float(np.median(steps_CT[:, is_border_T]) / np.median(steps_CT[:, ~is_border_T]))


def experts() -> dict[str, dict[str, tuple[list[Seizure], float]]]:
    """For each expert: seizures and duration in seconds of the 79 infants, by infant."""
    return {name: dict(_infants(HELSINKI / file)) for name, file in EXPERTS.items()}


def _infants(path: Path) -> Iterator[tuple[str, tuple[list[Seizure], float]]]:
    with path.open(newline="") as file:
        names, *rows = list(csv.reader(file))
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        known = [cell for cell in column if cell]  # shorter recordings end earlier
        is_seizure_T = np.array([float(cell) > 0.5 for cell in known])
        yield f"infant{int(name):02d}", (list(runs(is_seizure_T, 1.0)), float(len(known)))


def runs(is_seizure_T: NDArray[np.bool_], rate_hz: float) -> Iterator[Seizure]:
    """Stretches of True as seizures."""
    edges = np.flatnonzero(np.diff(np.r_[False, is_seizure_T, False].astype(np.int8))).reshape(-1, 2)
    for first, stop in edges.tolist():
        yield Seizure(first / rate_hz, stop / rate_hz)


def chbmit_segments(folder: Path) -> list[Converted]:
    """The 28 segments of 10 s as EDF below `folder`; ictal ones are seizure from start to end."""
    converted = []
    for source in sorted(CHBMIT.glob("*/*/*.npy")):
        path = folder / source.parent.parent.name / f"{source.stem}.edf"
        duration_s = write_edf(path, np.load(source, allow_pickle=False), CHBMIT_CHANNELS, CHBMIT_HZ)
        is_ictal = source.parent.name == "ictal"
        converted.append(Converted(path, duration_s, (Seizure(0.0, duration_s),) if is_ictal else ()))
    return converted
