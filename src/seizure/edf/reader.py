"""Opens EDF recordings and reads any part of their samples, in microvolts.

Why not edfio's reader, which the tests hold this one against: 30 minutes of 19 channels among 24 take 6 ms
here in blocks of 64 s, 10 ms by edfio's digital slices, 15 ms by its physical ones (CPU of one core, best of
15; see benchmarks/seizure/preprocess.py), each fault has its name, and memory does not grow with the file.
Positioned reads of a megabyte took less than a memory map (8 ms), and a file that shrinks is an error, not a
signal that kills.
"""

import io
import os
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

Samples = npt.NDArray[np.float32]
PIECE_BYTES = 2**20  # read at a time
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

    def read_uv(self, channels: Sequence[int], start_s: float = 0.0, stop_s: float | None = None) -> Samples:
        """Samples x_CT in microvolts of channels of one rate, from start_s to stop_s (default: the end).

        Raises RecordingError: RATE (channels of several rates), NAN_SIGNAL, TRUNCATED, UNREADABLE.
        """
        rate_hz = self.rates_hz[channels[0]]
        stop = self.n_samples(channels[0]) if stop_s is None else round(stop_s * rate_hz)
        return self.read_samples_uv(channels, round(start_s * rate_hz), stop)

    def read_samples_uv(self, channels: Sequence[int], start: int, stop: int) -> Samples:
        """As `read_uv`, from sample `start` to before sample `stop`, cut to what the recording has."""
        sizes = {self._signals[channel].samples_per_record for channel in channels}
        if len(sizes) > 1:
            names = ", ".join(self.labels[channel] for channel in channels)
            raise RecordingError(self.path, Fault.RATE, f"channels of several rates: {names}")
        n_samples = self.n_samples(channels[0])
        start, stop = min(max(start, 0), n_samples), min(max(stop, 0), n_samples)
        x_CT = np.empty((len(channels), max(0, stop - start)), np.float32)
        if not x_CT.size:
            return x_CT
        signals = [(self._begins[channel], *self._calibration_uv(channel)) for channel in channels]
        try:
            with self.path.open("rb", buffering=0) as file:
                _Pieces(file, self, sizes.pop()).copy(signals, start, stop, x_CT)
        except OSError as error:
            raise RecordingError(self.path, Fault.UNREADABLE, error.strerror or str(error)) from None
        return x_CT

    def is_same_signal(self, first: int, second: int) -> bool:
        """Whether two channels hold the same samples, to one step of their integers."""
        if self.rates_hz[first] != self.rates_hz[second]:
            return False
        step_uv = 1.01 * float(max(abs(self._calibration_uv(channel)[0]) for channel in (first, second)))
        block = max(1, round(600 * self.rates_hz[first]))
        for begin in range(0, self.n_samples(first), block):
            a_T, b_T = self.read_samples_uv((first, second), begin, begin + block)
            if not np.allclose(a_T, b_T, rtol=1e-5, atol=step_uv):
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


class _Pieces:
    """Reads samples start to stop of signals of one size, in pieces that the processor's cache holds."""

    def __init__(self, file: io.FileIO, edf: Edf, samples_per_record: int) -> None:
        self.file, self.edf, self.size = file, edf, samples_per_record
        self.record_bytes = edf.header.record_bytes

    def copy(
        self, signals: Sequence[tuple[int, np.float32, np.float32]], start: int, stop: int, x_CT: Samples
    ) -> None:
        """Into x_CT: the signals that begin at a place of each record, with their gains and offsets."""
        done = 0
        for first, count, low, high in self._pieces(start, stop):
            n_samples = count * (high - low)
            digital_SRT = self._digital([begin for begin, _, _ in signals], first, count, low, high)
            for x_T, digital_RT, (_, gain, offset) in zip(x_CT, digital_SRT, signals, strict=True):
                piece_T = x_T[done : done + n_samples]
                piece_T.reshape(count, -1)[:] = digital_RT
                np.multiply(piece_T, gain, out=piece_T)
                np.add(piece_T, offset, out=piece_T)
            done += n_samples

    def _pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """(first record, records, from sample, to sample of each): whole records together, cut ones apart."""
        most = max(1, PIECE_BYTES // self.record_bytes)
        while start < stop:
            record, low = divmod(start, self.size)
            whole = 0 if low else (stop - start) // self.size
            count = max(1, min(whole, most))
            high = self.size if whole else min(self.size, low + stop - start)
            yield record, count, low, high
            start += count * (high - low)

    def _digital(
        self, begins: Sequence[int], first: int, count: int, low: int, high: int
    ) -> list[npt.NDArray[np.int16]]:
        """The samples of each signal, records by samples."""
        at = self.edf.header.length_bytes + first * self.record_bytes
        if self.record_bytes > PIECE_BYTES:  # one huge record: only what is needed of it
            pieces = [self._read(at + 2 * (begin + low), 2 * (high - low)) for begin in begins]
            return [np.frombuffer(piece, "<i2")[None] for piece in pieces]
        records_RS = np.frombuffer(self._read(at, count * self.record_bytes), "<i2").reshape(count, -1)
        return [records_RS[:, begin + low : begin + high] for begin in begins]

    def _read(self, at: int, size_bytes: int) -> bytes:
        content = os.pread(self.file.fileno(), size_bytes, at)
        if len(content) < size_bytes:
            raise RecordingError(self.edf.path, Fault.TRUNCATED, "it shrank while it was read")
        return content


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
    try:
        with edf.path.open("rb") as file:
            for record in range(n_records):
                file.seek(edf.header.length_bytes + record * edf.header.record_bytes + 2 * begin)
                yield onset_s(file.read(min(2 * signal.samples_per_record, 64)))
    except OSError as error:
        raise RecordingError(edf.path, Fault.UNREADABLE, error.strerror or str(error)) from None


def _places(header: Header) -> Iterator[tuple[int, Signal]]:
    """Each signal with the place of its first sample in a record, in samples."""
    begin = 0
    for signal in header.signals:
        yield begin, signal
        begin += signal.samples_per_record
