"""From a recording to its montage at one rate, filtered, with a robust scale for each channel.

Works in blocks: memory stays bounded whatever the recording's length, and long results lie in a file.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from seizure.config.schema import Preprocessing
from seizure.edf import Edf
from seizure.errors import Fault, Notice, RecordingError
from seizure.signal.blocks import plan_transfer, transformed
from seizure.signal.montage import Plan, plan_montage

IN_MEMORY_BYTES = 256 * 2**20  # longer results (19 channels: 3.6 hours) go to a file
SIGMA_SAMPLES = 60_000  # of each channel, evenly spread: the sample's error of sigma is about half a per cent
IQR_OF_NORMAL = 1.349


@dataclass(frozen=True)
class Prepared:
    """The montage x_uv_CT in microvolts at rate_hz; sigma_uv_C: robust standard deviations, 0 where flat.

    x_uv_CT is an array, or a memory map of a nameless file where the recording is long; `read` copies a part of
    it without leaving the file's pages in memory.
    """

    x_uv_CT: npt.NDArray[np.float32]
    channels: tuple[str, ...]
    rate_hz: int
    sigma_uv_C: npt.NDArray[np.float32]
    notices: tuple[Notice, ...]
    _store: "_Store"

    @property
    def n_samples(self) -> int:
        return self.x_uv_CT.shape[1]

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Samples start to stop of all channels, C by T; a view or a copy, not to be written to."""
        return self._store.read(start, min(stop, self.n_samples))


def preprocess(edf: Edf, settings: Preprocessing, *, scratch: Path | None = None) -> Prepared:
    """Montage, resampling, band-pass, notch and scale of an open recording.

    A long result lies in a file in `scratch` (default: the system's folder for such) that vanishes with it.
    Raises RecordingError: MISSING_CHANNELS, MONTAGE, RATE, DUPLICATE_CHANNELS, FLAT_SIGNAL, NAN_SIGNAL, and what
    reading raises.
    """
    plan = plan_montage(edf.labels, edf.rates_hz, settings.montage, edf.path)
    for used, other in plan.duplicates:
        if not edf.is_same_signal(used, other):
            detail = f"{edf.labels[used]} stands twice, with different signals"
            raise RecordingError(edf.path, Fault.DUPLICATE_CHANNELS, detail)
    notices = [*edf.notices, *plan.notices, *_about_sources(plan, edf.labels)]
    unknown = [edf.labels[index] for index in plan.sources if not edf.knows_unit(index)]
    if unknown:
        notices.append(Notice(Fault.HEADER_FIELD, f"{', '.join(unknown)}: no unit; taken as microvolts"))
    return _prepare(edf, plan, notices, settings, scratch)


def preprocess_array(
    x_uv_CT: npt.NDArray[np.float32],
    labels: Sequence[str],
    rate_hz: float,
    settings: Preprocessing,
    *,
    path: Path = Path("array"),
    scratch: Path | None = None,
) -> Prepared:
    """As `preprocess`, for samples that come from elsewhere; `path` names them in errors."""
    rates_hz = [rate_hz] * len(labels)
    plan = plan_montage(labels, rates_hz, settings.montage, path)
    for used, other in plan.duplicates:
        if not np.array_equal(x_uv_CT[used], x_uv_CT[other]):
            raise RecordingError(path, Fault.DUPLICATE_CHANNELS, f"{labels[used]} stands twice")
    source = _Array(np.asarray(x_uv_CT, np.float32), tuple(labels), tuple(rates_hz), path)
    return _prepare(source, plan, [*plan.notices, *_about_sources(plan, labels)], settings, scratch)


class _Source(Protocol):
    @property
    def path(self) -> Path: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def rates_hz(self) -> tuple[float, ...]: ...
    def n_samples(self, channel: int) -> int: ...
    def read_samples_uv(self, channels: Sequence[int], start: int, stop: int) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True)
class _Array:
    x_uv_CT: npt.NDArray[np.float32]
    labels: tuple[str, ...]
    rates_hz: tuple[float, ...]
    path: Path

    def n_samples(self, channel: int) -> int:
        return self.x_uv_CT.shape[1]

    def read_samples_uv(self, channels: Sequence[int], start: int, stop: int) -> npt.NDArray[np.float32]:
        return self.x_uv_CT[list(channels), start:stop]


class _Store:
    """Where the result goes: an array, or a file that has no name and so leaves nothing behind."""

    def __init__(self, n_channels: int, n_samples: int, scratch: Path | None) -> None:
        self.shape = (n_channels, n_samples)
        self.file = None
        if 4 * n_channels * n_samples <= IN_MEMORY_BYTES:
            self.x_CT = np.zeros(self.shape, np.float32)
            return
        self.file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - lives as long as the map
        self.file.truncate(4 * n_channels * n_samples)
        self.x_CT = np.memmap(self.file, np.float32, "r", shape=self.shape)

    def write(self, start: int, y_CT: npt.NDArray[np.float32]) -> None:
        if self.file is None:
            self.x_CT[:, start : start + y_CT.shape[1]] = y_CT
            return
        for channel, y_T in enumerate(y_CT):
            self.file.seek(4 * (channel * self.shape[1] + start))
            self.file.write(y_T.tobytes())
        self.file.flush()

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        if self.file is None:
            return self.x_CT[:, start:stop]
        x_CT = np.empty((self.shape[0], stop - start), np.float32)
        for channel, x_T in enumerate(x_CT):
            self.file.seek(4 * (channel * self.shape[1] + start))
            self.file.readinto(memoryview(x_T).cast("B"))
        return x_CT


def _prepare(
    source: _Source, plan: Plan, notices: list[Notice], settings: Preprocessing, scratch: Path | None
) -> Prepared:
    rate_hz = source.rates_hz[plan.sources[0]]
    if any(source.rates_hz[index] != rate_hz for index in plan.sources):
        names = ", ".join(f"{source.labels[i]} {source.rates_hz[i]:g} Hz" for i in plan.sources)
        raise RecordingError(source.path, Fault.RATE, f"channels of several rates: {names}")
    n_in = source.n_samples(plan.sources[0])
    n_out = max(1, round(n_in * settings.rate_hz / rate_hz))
    transfer = plan_transfer(settings, rate_hz)
    store = _Store(len(plan.channels), n_out, scratch)
    step = max(1, n_out // SIGMA_SAMPLES) | 1  # odd: no beat with a rhythm of whole samples
    spread: list[npt.NDArray[np.float32]] = []
    low_S = np.full(len(plan.sources), np.inf, np.float32)
    high_S = -low_S

    def read(start: int, stop: int) -> npt.NDArray[np.float32]:
        return source.read_samples_uv(plan.sources, start, stop)

    for start, y_ST, x_ST in transformed(read, n_in, transfer, n_out):
        low_S = np.minimum(low_S, x_ST.min(axis=1))
        high_S = np.maximum(high_S, x_ST.max(axis=1))
        y_CT = plan.mix_OS @ y_ST
        store.write(start, y_CT)
        spread.append(y_CT[:, -start % step :: step].copy())
    notices += _about_values(source, plan, low_S, high_S)
    quartiles_2C = np.percentile(np.concatenate(spread, axis=1), [25, 75], axis=1)
    sigma_uv_C = ((quartiles_2C[1] - quartiles_2C[0]) / IQR_OF_NORMAL).astype(np.float32)
    return Prepared(store.x_CT, plan.channels, settings.rate_hz, sigma_uv_C, tuple(notices), store)


def _about_sources(plan: Plan, labels: Sequence[str]) -> list[Notice]:
    if not plan.duplicates:
        return []
    names = ", ".join(sorted({labels[used] for used, _ in plan.duplicates}))
    return [Notice(Fault.DUPLICATE_CHANNELS, f"{names}: stands twice with the same signal; used once")]


def _about_values(
    source: _Source, plan: Plan, low_S: npt.NDArray[np.float32], high_S: npt.NDArray[np.float32]
) -> list[Notice]:
    """Flat channels as a notice. Raises RecordingError where all are flat, or any value is no number."""
    bad = [index for index, low, high in zip(plan.sources, low_S, high_S, strict=True) if not low <= high]
    bad += [index for index, high in zip(plan.sources, high_S, strict=True) if np.isinf(high)]
    if bad:
        names = ", ".join(source.labels[index] for index in bad)
        raise RecordingError(source.path, Fault.NAN_SIGNAL, f"{names}: values that are no numbers")
    flat = [
        source.labels[index]
        for index, low, high in zip(plan.sources, low_S, high_S, strict=True)
        if low == high
    ]
    if len(flat) == len(plan.sources):
        raise RecordingError(source.path, Fault.FLAT_SIGNAL, "every channel is constant")
    if flat:
        return [Notice(Fault.FLAT_SIGNAL, f"{', '.join(flat)}: constant throughout")]
    return []
