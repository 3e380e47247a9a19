"""Resamples and filters in one pass: blocks go to frequencies, meet one transfer function, and come back.

Overlap-save: neighbouring blocks share as much as the filter is long, and what a block's ends spoil is
dropped, so blocks are equal to the whole up to rounding. Any rate is taken: each block is placed to a
fraction of a sample.
"""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from seizure.config.schema import Preprocessing
from seizure.signal.filters import design

Read = Callable[[int, int], npt.NDArray[np.float32]]
MIN_BLOCK = 16384  # output samples of a block; fast sizes, and small enough for the processor's cache


@dataclass(frozen=True)
class Transfer:
    """One block's sizes in samples, and its transfer function on the input's frequencies."""

    rate_in_hz: float
    rate_out_hz: int
    n_in: int
    n_out: int
    margin: int  # output samples that each end of a block spoils
    gain_F: npt.NDArray[np.float32]

    @property
    def hop(self) -> int:
        return self.n_out - 2 * self.margin


@functools.lru_cache(maxsize=16)  # a corpus has few rates, and a short recording takes less than its design
def plan_transfer(settings: Preprocessing, rate_hz: float) -> Transfer:
    """The transfer function from `rate_hz` to settings.rate_hz; blocks keep time to under a millisecond."""
    taps = design(settings, rate_hz)
    half = len(taps) // 2
    shortest = max(MIN_BLOCK, 1 << math.ceil(math.log2(6 * half)))
    n_in, n_out = _block_sizes(rate_hz / settings.rate_hz, shortest)
    centred = np.zeros(n_out)
    centred[: half + 1] = taps[half:]
    centred[-half:] = taps[:half]
    n_shared = min(n_in, n_out) // 2  # Nyquist bins apart: the filter has no gain there
    gain_F = scipy.fft.rfft(centred).real[:n_shared] * (n_out / n_in)
    margin = half + settings.rate_hz // 8  # and the brick wall at the lower of the Nyquist frequencies
    return Transfer(rate_hz, settings.rate_hz, n_in, n_out, margin, gain_F.astype(np.float32))


def _block_sizes(ratio: float, shortest: int) -> tuple[int, int]:
    """Input and output samples of a block, whose quotient is nearest to `ratio` in time over a block."""

    def drift(n_out: int) -> float:
        return abs(n_out * ratio - round(n_out * ratio))

    if drift(shortest) < 1e-6:
        return round(shortest * ratio), shortest
    fast = {scipy.fft.next_fast_len(n, real=True) for n in range(shortest, 2 * shortest, 16)}
    n_out = min(sorted(fast), key=lambda n: round(drift(n), 3))
    return round(n_out * ratio), n_out


def transformed(
    read: Read, n_samples: int, transfer: Transfer, n_out: int
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Yields (start, y_CT): filtered samples from `start` on at the output rate, in order.

    Beyond its ends the recording is continued by odd reflection, as filtfilt does.
    """
    ratio = transfer.rate_in_hz / transfer.rate_out_hz
    for start in range(0, n_out, transfer.hop):
        centre = (start - transfer.margin + transfer.n_out / 2) * ratio
        first = round(centre - transfer.n_in / 2)
        late = centre - transfer.n_in / 2 - first  # samples of input, under a half
        x_CT = read(max(0, first), min(n_samples, first + transfer.n_in))
        padded_CT = _continued(x_CT, max(0, -first), transfer.n_in)
        stop = min(n_out, start + transfer.hop)
        yield start, _filter(padded_CT, transfer, late, stop - start)


def _continued(x_CT: npt.NDArray[np.float32], before: int, n_in: int) -> npt.NDArray[np.float32]:
    after = n_in - before - x_CT.shape[1]
    if not before and not after:
        return x_CT
    return np.pad(x_CT, ((0, 0), (before, after)), mode="reflect", reflect_type="odd")


def _filter(
    x_CT: npt.NDArray[np.float32], transfer: Transfer, late: float, n_keep: int
) -> npt.NDArray[np.float32]:
    """One block, channel by channel: a channel's block and its spectrum stay in the processor's cache."""
    gain_F: npt.NDArray[np.generic] = transfer.gain_F
    n_shared = len(gain_F)
    if abs(late) > 1e-6:
        turn_F = np.exp(2j * np.pi * late / transfer.n_in * np.arange(n_shared))
        gain_F = (turn_F * gain_F).astype(np.complex64)
    y_CT = np.empty((len(x_CT), n_keep), np.float32)
    spectrum_F = np.zeros(transfer.n_out // 2 + 1, np.complex64)
    for x_T, y_T in zip(x_CT, y_CT, strict=True):
        np.multiply(scipy.fft.rfft(x_T - x_T.mean())[:n_shared], gain_F, out=spectrum_F[:n_shared])
        y_T[:] = scipy.fft.irfft(spectrum_F, transfer.n_out)[transfer.margin : transfer.margin + n_keep]
    return y_CT
