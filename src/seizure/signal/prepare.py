"""From a recording to its montage at one rate, filtered, with a robust scale for each channel.

Works in blocks: memory stays bounded whatever the recording's length, and long results lie in a file.
"""

import os
import tempfile
import weakref
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
from seizure.signal.filters import band
from seizure.signal.montage import Plan, plan_montage

IN_MEMORY_BYTES = 256 * 2**20  # longer results (19 channels: 3.6 hours) go to a file
SIGMA_SAMPLES = 60_000  # of each channel, evenly spread: the sample's error of sigma is about half a per cent
IQR_OF_NORMAL = 1.349
SILENCE_UV = 1e-3  # under a nanovolt: what the filter leaves of a constant, never EEG


@dataclass(frozen=True)
class Prepared:
    """The montage x_uv_CT in microvolts at rate_hz; sigma_uv_C: robust standard deviations, 0 where flat.

    x_uv_CT is an array, or a memory map of a nameless file where the recording is long; `read` copies a part
    of it without leaving the file's pages in memory.
    """

    x_uv_CT: npt.NDArray[np.float32]
    channels: tuple[str, ...]
    rate_hz: int
    sigma_uv_C: npt.NDArray[np.float32]
    notices: tuple[Notice, ...]
    _store: "_Store | None" = None

    @property
    def n_samples(self) -> int:
        return int(self.x_uv_CT.shape[1])

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Samples start to stop of all channels, C by T; a view or a copy, not to be written to."""
        stop = min(stop, self.n_samples)
        return self._store.read(start, stop) if self._store else self.x_uv_CT[:, start:stop]


def preprocess(edf: Edf, settings: Preprocessing, *, scratch: Path | None = None) -> Prepared:
    """Montage, resampling, band-pass, notch and scale of an open recording.

    A long result lies in a file in `scratch` (default: the system's folder for such) that vanishes with it.
    Raises RecordingError: MISSING_CHANNELS, MONTAGE, RATE, DUPLICATE_CHANNELS, FLAT_SIGNAL, NAN_SIGNAL, and
    what reading raises.
    """
    plan = plan_montage(edf.labels, edf.rates_hz, settings.montage, edf.path)
    for used, other in plan.duplicates:
        if not edf.is_same_signal(used, other):
            detail = f"{edf.labels[used]} stands twice, with different signals"
            raise RecordingError(edf.path, Fault.DUPLICATE_CHANNELS, detail)
    notices = [*edf.notices, *plan.notices, *_about_duplicates(plan, edf.labels)]
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
    return _prepare(source, plan, [*plan.notices, *_about_duplicates(plan, labels)], settings, scratch)


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
        return int(self.x_uv_CT.shape[1])

    def read_samples_uv(self, channels: Sequence[int], start: int, stop: int) -> npt.NDArray[np.float32]:
        return self.x_uv_CT[list(channels), start:stop]


class _Store:
    """Where the result goes: an array, or a file that has no name and so leaves nothing behind."""

    def __init__(self, n_channels: int, n_samples: int, scratch: Path | None) -> None:
        self.shape = (n_channels, n_samples)
        self.descriptor: int | None = None
        if 4 * n_channels * n_samples <= IN_MEMORY_BYTES:
            self.x_CT = np.empty(self.shape, np.float32)
            return
        self.descriptor, name = tempfile.mkstemp(dir=scratch)
        weakref.finalize(self, os.close, self.descriptor)
        Path(name).unlink()
        os.truncate(self.descriptor, 4 * n_channels * n_samples)
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            self.x_CT = np.memmap(file, np.float32, "r", shape=self.shape)

    def write(self, start: int, y_CT: npt.NDArray[np.float32]) -> None:
        if self.descriptor is None:
            self.x_CT[:, start : start + y_CT.shape[1]] = y_CT
            return
        for channel, y_T in enumerate(y_CT):
            left = memoryview(y_T.tobytes())
            place = self._place(channel, start)
            while left:
                written = os.pwrite(self.descriptor, left, place)
                left, place = left[written:], place + written

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        if self.descriptor is None:
            return self.x_CT[:, start:stop]
        x_CT = np.empty((self.shape[0], stop - start), np.float32)
        for channel, x_T in enumerate(x_CT):
            x_T[:] = np.frombuffer(
                os.pread(self.descriptor, x_T.nbytes, self._place(channel, start)), np.float32
            )
        return x_CT

    def _place(self, channel: int, sample: int) -> int:
        return 4 * (channel * self.shape[1] + sample)


class _Watched:
    """Reads the plan's channels, and keeps each one's lowest and highest value."""

    def __init__(self, source: _Source, plan: Plan) -> None:
        self.source, self.plan = source, plan
        self.labels = [source.labels[index] for index in plan.sources]
        self.low_S = np.full(len(plan.sources), np.inf, np.float32)
        self.high_S = -self.low_S

    def read(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Samples x_ST. Raises RecordingError NAN_SIGNAL at the first value that is no finite number."""
        x_ST = self.source.read_samples_uv(self.plan.sources, start, stop)
        low_S, high_S = x_ST.min(axis=1), x_ST.max(axis=1)
        finite_S = np.isfinite(low_S) & np.isfinite(high_S)
        if not finite_S.all():
            names = ", ".join(self.labels[row] for row in np.flatnonzero(~finite_S))
            raise RecordingError(self.source.path, Fault.NAN_SIGNAL, f"{names}: values that are no numbers")
        self.low_S, self.high_S = np.minimum(low_S, self.low_S), np.maximum(high_S, self.high_S)
        return x_ST

    def flat(self) -> list[str]:
        """Labels of the channels that have one value only. Raises RecordingError where all are so."""
        found = [self.labels[row] for row in np.flatnonzero(self.low_S == self.high_S)]
        if len(found) == len(self.labels):
            raise RecordingError(self.source.path, Fault.FLAT_SIGNAL, "every channel is constant")
        return found


def _prepare(
    source: _Source, plan: Plan, notices: list[Notice], settings: Preprocessing, scratch: Path | None
) -> Prepared:
    rate_hz = _one_rate(source, plan)
    n_in = source.n_samples(plan.sources[0])
    n_out = max(1, round(n_in * settings.rate_hz / rate_hz))
    store = _Store(len(plan.channels), n_out, scratch)
    watched = _Watched(source, plan)
    step = max(1, n_out // SIGMA_SAMPLES) | 1  # odd: no beat with a rhythm of whole samples
    spread: list[npt.NDArray[np.float32]] = []
    for start, y_ST in transformed(watched.read, n_in, plan_transfer(settings, rate_hz), n_out):
        y_CT = _mixed(plan.mix_OS, y_ST)
        store.write(start, y_CT)
        spread.append(y_CT[:, -start % step :: step].copy())
    passed_hz = band(settings, rate_hz).pass_high
    if passed_hz < settings.high_hz:
        notices.append(Notice(Fault.RATE, f"{rate_hz:g} Hz: nothing above {passed_hz:g} Hz is left"))
    if flat := watched.flat():
        notices.append(Notice(Fault.FLAT_SIGNAL, f"{', '.join(flat)}: constant throughout"))
    sigma_uv_C = np.array([_sigma_uv(y_T) for y_T in np.concatenate(spread, axis=1)], np.float32)
    return Prepared(store.x_CT, plan.channels, settings.rate_hz, sigma_uv_C, tuple(notices), store)


def _sigma_uv(y_T: npt.NDArray[np.float32]) -> float:
    """The robust standard deviation of a channel while it records; 0 where it never does.

    Hours with the electrodes off are zeros: counted in, they would shrink the scale of all the rest, to
    nothing where they are half of the recording, and clip its seizures.
    """
    recorded_T = y_T[np.abs(y_T) >= SILENCE_UV]
    if not recorded_T.size:
        return 0.0
    low, high = np.percentile(recorded_T, [25, 75])
    return float(high - low) / IQR_OF_NORMAL


def _one_rate(source: _Source, plan: Plan) -> float:
    rates_hz = {source.labels[index]: source.rates_hz[index] for index in plan.sources}
    if len(set(rates_hz.values())) > 1:
        said = ", ".join(f"{label} {rate_hz:g} Hz" for label, rate_hz in rates_hz.items())
        raise RecordingError(source.path, Fault.RATE, f"channels of several rates: {said}")
    return source.rates_hz[plan.sources[0]]


def _mixed(mix_OS: npt.NDArray[np.float32], y_ST: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # in pieces that BLAS does not divide among threads: there may be a process on each core
    y_OT = np.empty((len(mix_OS), y_ST.shape[1]), np.float32)
    for begin in range(0, y_ST.shape[1], 512):
        piece = slice(begin, begin + 512)
        np.matmul(mix_OS, y_ST[:, piece], out=y_OT[:, piece])
    return y_OT


def _about_duplicates(plan: Plan, labels: Sequence[str]) -> list[Notice]:
    if not plan.duplicates:
        return []
    names = ", ".join(sorted({labels[used] for used, _ in plan.duplicates}))
    return [Notice(Fault.DUPLICATE_CHANNELS, f"{names}: stands twice with the same signal; used once")]
