"""Opens EDF recordings and reads their samples by memory map, in microvolts.

Each read maps only the records that it needs and lets them go, so that memory does not grow with the file.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seizure.edf.header import BYTES_PER_SIGNAL, FIXED_BYTES, Header, Signal, parse_header, signal_count
from seizure.edf.timekeeping import is_continuous, onset_s
from seizure.errors import Fault, Notice, RecordingError

# microvolts in a unit; EDF files write the micro sign as u, as µ (Latin-1) or in UTF-8
UV_PER_UNIT = {"uv": 1.0, "µv": 1.0, "μv": 1.0, "âµv": 1.0, "microv": 1.0, "mv": 1e3, "v": 1e6, "nv": 1e-3}


@dataclass(frozen=True)
class Edf:
    """One open recording: its signals without those that hold annotations, in the file's order.

    `rates_hz` may be fractions; `start` is None where the header has no valid date (a Notice says so).
    """

    path: Path
    labels: tuple[str, ...]
    rates_hz: tuple[float, ...]
    physical_dimensions: tuple[str, ...]
    n_records: int
    record_duration_s: float
    start: datetime | None
    notices: tuple[Notice, ...]
    header: Header

    @property
    def duration_s(self) -> float:
        return self.n_records * self.record_duration_s

    def n_samples(self, channel: int) -> int:
        return self.n_records * self._signals[channel].samples_per_record

    def knows_unit(self, channel: int) -> bool:
        """Whether the channel's physical dimension is a voltage; if not, its values pass for microvolts."""
        return self.physical_dimensions[channel].lower() in UV_PER_UNIT

    def read_uv(
        self, channels: Sequence[int], start_s: float = 0.0, stop_s: float | None = None
    ) -> npt.NDArray[np.float32]:
        """Samples x_CT in microvolts of channels of one rate, from start_s to stop_s (default: the end).

        Raises RecordingError: RATE (channels of several rates), NAN_SIGNAL, TRUNCATED, UNREADABLE.
        """
        rate_hz = self.rates_hz[channels[0]]
        stop = self.n_samples(channels[0]) if stop_s is None else round(stop_s * rate_hz)
        return self.read_samples_uv(channels, round(start_s * rate_hz), stop)

    def read_samples_uv(self, channels: Sequence[int], start: int, stop: int) -> npt.NDArray[np.float32]:
        """As `read_uv`, from sample `start` to before sample `stop`, cut to what the recording has."""
        sizes = {self._signals[channel].samples_per_record for channel in channels}
        if len(sizes) > 1:
            names = ", ".join(self.labels[channel] for channel in channels)
            raise RecordingError(self.path, Fault.RATE, f"channels of several rates: {names}")
        n_samples = self.n_samples(channels[0])
        start, stop = min(max(start, 0), n_samples), min(max(stop, 0), n_samples)
        x_CT = np.empty((len(channels), max(0, stop - start)), np.float32)
        if x_CT.size:
            calibrations = [self._calibration_uv(channel) for channel in channels]
            begins = [self._begins[channel] for channel in channels]
            _Records(self, start, stop, sizes.pop()).copy(begins, x_CT)
            for x_T, (gain, offset) in zip(x_CT, calibrations, strict=True):
                np.multiply(x_T, gain, out=x_T)
                np.add(x_T, offset, out=x_T)
        return x_CT

    def is_same_signal(self, first: int, second: int) -> bool:
        """Whether two channels hold the same samples, by their microvolts (rounding apart)."""
        if self.rates_hz[first] != self.rates_hz[second]:
            return False
        step = max(1, round(600 * self.rates_hz[first]))
        for begin in range(0, self.n_samples(first), step):
            a_T, b_T = self.read_samples_uv((first, second), begin, begin + step)
            if not np.allclose(a_T, b_T, rtol=1e-5, atol=1e-3):
                return False
        return True

    @cached_property
    def _signals(self) -> tuple[Signal, ...]:
        return tuple(signal for signal in self.header.signals if not signal.holds_annotations)

    @cached_property
    def _begins(self) -> tuple[int, ...]:
        """Where in a record each channel's samples begin, in samples."""
        return tuple(begin for begin, signal in _places(self.header) if not signal.holds_annotations)

    def _calibration_uv(self, channel: int) -> tuple[np.float32, np.float32]:
        signal = self._signals[channel]
        factor = UV_PER_UNIT.get(signal.dimension.lower(), 1.0)
        gain, offset = signal.gain * factor, signal.offset * factor
        # a thousand million volts is no EEG, and float32 has to hold its sums
        if not (abs(gain) < 1e10 and abs(offset) < 1e15):
            detail = f"{signal.label}: its physical and digital range make no calibration"
            raise RecordingError(self.path, Fault.NAN_SIGNAL, detail)
        return np.float32(gain), np.float32(offset)


class _Records:
    """The data records that hold samples start to stop of signals of one size."""

    def __init__(self, edf: Edf, start: int, stop: int, samples_per_record: int) -> None:
        self.edf = edf
        self.size = samples_per_record
        self.first_record = start // samples_per_record
        self.stop_record = -(-stop // samples_per_record)
        self.start = start - self.first_record * samples_per_record
        self.stop = stop - self.first_record * samples_per_record

    def copy(self, begins: Sequence[int], x_CT: npt.NDArray[np.float32]) -> None:
        """Digital values of the signals that begin at `begins` in each record, as float32, into x_CT."""
        record_bytes = self.edf.header.record_bytes
        begin_byte = self.edf.header.length_bytes + self.first_record * record_bytes
        stop_byte = self.edf.header.length_bytes + self.stop_record * record_bytes
        mapped_from = begin_byte - begin_byte % mmap.ALLOCATIONGRANULARITY
        try:
            with self.edf.path.open("rb") as file:
                mapped = mmap.mmap(
                    file.fileno(), stop_byte - mapped_from, access=mmap.ACCESS_READ, offset=mapped_from
                )
        except ValueError:
            raise RecordingError(
                self.edf.path, Fault.TRUNCATED, "it became shorter while it was read"
            ) from None
        except OSError as error:
            raise RecordingError(self.edf.path, Fault.UNREADABLE, str(error.strerror)) from None
        digital = np.frombuffer(mapped, "<i2", offset=begin_byte - mapped_from)
        digital_RS = digital.reshape(self.stop_record - self.first_record, record_bytes // 2)
        for begin, x_T in zip(begins, x_CT, strict=True):
            self._copy_signal(digital_RS[:, begin : begin + self.size], x_T)
        # the map goes when the last view of it goes: with this function

    def _copy_signal(self, digital_RS: npt.NDArray[np.int16], x_T: npt.NDArray[np.float32]) -> None:
        """Whole records in one step; the first and the last one, which may be cut, apart."""
        if len(digital_RS) == 1:
            x_T[:] = digital_RS[0, self.start : self.stop]
            return
        head = self.size - self.start
        x_T[:head] = digital_RS[0, self.start :]
        tail = self.stop - (len(digital_RS) - 1) * self.size
        x_T[head : len(x_T) - tail].reshape(-1, self.size)[:] = digital_RS[1:-1]
        x_T[len(x_T) - tail :] = digital_RS[-1, :tail]


def open_edf(path: Path, *, allow_truncated: bool = False) -> Edf:
    """Opens an EDF or EDF+ file after checking its header against the file.

    Raises RecordingError: UNREADABLE, NOT_EDF (BDF too), HEADER_LENGTH, HEADER_FIELD, NO_RECORDS,
    DISCONTINUOUS, TRUNCATED. The last is a Notice where `allow_truncated`, and what is there can be read.
    """
    try:
        with path.open("rb") as file:
            fixed = file.read(FIXED_BYTES)
            rest = file.read(BYTES_PER_SIGNAL * signal_count(path, fixed))
            size_bytes = file.seek(0, 2)
            header = parse_header(path, fixed, rest)
    except OSError as error:
        raise RecordingError(path, Fault.UNREADABLE, error.strerror or str(error)) from None
    n_records, notices = _count_records(path, header, size_bytes, allow_truncated)
    edf = _edf(path, header, n_records, (*header.notices, *notices))
    return _keep_time(edf) if header.kind != "EDF" else edf


def _edf(path: Path, header: Header, n_records: int, notices: tuple[Notice, ...]) -> Edf:
    signals = [signal for signal in header.signals if not signal.holds_annotations]
    duration_s = header.record_duration_s
    return Edf(
        path=path,
        labels=tuple(signal.label for signal in signals),
        rates_hz=tuple(signal.samples_per_record / duration_s for signal in signals),
        physical_dimensions=tuple(signal.dimension for signal in signals),
        n_records=n_records,
        record_duration_s=duration_s,
        start=header.start,
        notices=notices,
        header=header,
    )


def _count_records(
    path: Path, header: Header, size_bytes: int, allow_truncated: bool
) -> tuple[int, tuple[Notice, ...]]:
    """How many data records can be read, and what the file has that its header does not say."""
    if header.n_records == 0:
        raise RecordingError(path, Fault.NO_RECORDS, "the header says 0 data records")
    if header.record_bytes == 0:
        raise RecordingError(path, Fault.NO_RECORDS, "its signals have no samples")
    there, over_bytes = divmod(size_bytes - header.length_bytes, header.record_bytes)
    if there == 0:
        raise RecordingError(path, Fault.NO_RECORDS, "no whole data record follows the header")
    if header.n_records == -1:
        detail = f"the recording was never closed (-1 records): {there} found"
        return there, (Notice(Fault.HEADER_FIELD, detail),)
    if there < header.n_records:
        detail = f"{there} of {header.n_records} data records are there"
        if not allow_truncated:
            raise RecordingError(path, Fault.TRUNCATED, detail)
        return there, (Notice(Fault.TRUNCATED, detail),)
    if there > header.n_records:
        detail = f"it says {header.n_records} data records, the file holds {there}"
        raise RecordingError(path, Fault.HEADER_LENGTH, detail)
    if over_bytes:
        return there, (
            Notice(Fault.HEADER_LENGTH, f"{over_bytes} bytes after the last data record are left out"),
        )
    return there, ()


def _keep_time(edf: Edf) -> Edf:
    """The start to the fraction of a second that the first record says; refuses gaps of EDF+D by name."""
    first_s = next(_onsets_s(edf, 1), None)
    if edf.header.kind == "EDF+D" and not is_continuous(_onsets_s(edf, edf.n_records), edf.record_duration_s):
        detail = "EDF+D with gaps between its records; make continuous files of its parts"
        raise RecordingError(edf.path, Fault.DISCONTINUOUS, detail)
    if first_s is None or edf.start is None or not 0 <= first_s < 1:
        return edf
    return replace(edf, start=edf.start + timedelta(seconds=first_s))


def _onsets_s(edf: Edf, n_records: int) -> Iterator[float | None]:
    place = next(((begin, signal) for begin, signal in _places(edf.header) if signal.holds_annotations), None)
    if place is None:
        return
    begin, signal = place
    with edf.path.open("rb") as file:
        for record in range(n_records):
            file.seek(edf.header.length_bytes + record * edf.header.record_bytes + 2 * begin)
            yield onset_s(file.read(min(2 * signal.samples_per_record, 64)))


def _places(header: Header) -> Iterator[tuple[int, Signal]]:
    """Each signal with the place of its first sample in a record, in samples."""
    begin = 0
    for signal in header.signals:
        yield begin, signal
        begin += signal.samples_per_record
