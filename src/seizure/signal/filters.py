"""The one zero-phase filter of preprocessing: band-pass and notches as a symmetric FIR filter.

Designed in the manner of MNE's default: Hamming window, transitions of a quarter of the cut.
A finite support makes block-wise filtering equal to filtering the whole recording at once.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import get_window

from seizure.config.schema import Preprocessing

HAMMING_FACTOR = 3.3  # length in seconds = 3.3 / narrowest transition in Hz
NOTCH_HALF_HZ = 0.4  # the mains and its harmonics: gain 1/2 at this distance
NOTCH_TRANSITION_HZ = 0.5


Frequencies = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Band:
    """Corners of the pass band in Hz: 0 below stop_low, 1 from pass_low to pass_high, 0 above stop_high."""

    stop_low: float
    pass_low: float
    pass_high: float
    stop_high: float


def band(settings: Preprocessing, rate_hz: float) -> Band:
    """The pass band for a recording at `rate_hz`: a slow one ends it below its own Nyquist."""
    nyquist_hz = min(rate_hz, settings.rate_hz) / 2
    pass_low = settings.low_hz
    pass_high = min(settings.high_hz, 0.9 * rate_hz / 2)
    transition_high = min(max(0.25 * pass_high, 2.0), nyquist_hz - pass_high)
    transition_low = min(max(0.25 * pass_low, 2.0), pass_low)
    return Band(pass_low - transition_low, pass_low, pass_high, pass_high + transition_high)


def notches_hz(mains_hz: float, pass_band: Band) -> tuple[float, ...]:
    """The mains frequency and all its harmonics that the pass band lets through, even in part."""
    if not mains_hz:
        return ()
    return tuple(n * mains_hz for n in range(1, 1 + int(pass_band.stop_high / mains_hz)))


def design(settings: Preprocessing, rate_hz: float) -> npt.NDArray[np.float64]:
    """Taps (odd in number, symmetric about the middle one) at the rate settings.rate_hz.

    The gain at 0 Hz is exactly 0, so that a constant may be taken from any block beforehand.
    """
    pass_band = band(settings, rate_hz)
    narrowest_hz = min(pass_band.pass_low - pass_band.stop_low, pass_band.stop_high - pass_band.pass_high)
    notches = notches_hz(settings.mains_hz, pass_band)
    if notches:
        narrowest_hz = min(narrowest_hz, NOTCH_TRANSITION_HZ)
    half = int(np.ceil(HAMMING_FACTOR / narrowest_hz * settings.rate_hz / 2))
    n_grid = 1 << int(np.ceil(np.log2(16 * half)))
    f_F: Frequencies = np.arange(n_grid // 2 + 1, dtype=np.float64) * (settings.rate_hz / n_grid)
    gain_F = _desired(f_F, pass_band, notches)
    taps = np.roll(np.fft.irfft(gain_F, n_grid), half)[: 2 * half + 1].astype(np.float64)
    window = get_window("hamming", 2 * half + 1, fftbins=False)
    taps = taps * window
    return np.asarray(taps - window * (taps.sum() / window.sum()))


def _desired(f_F: Frequencies, pass_band: Band, notches: tuple[float, ...]) -> Frequencies:
    """The gain before windowing: steps, which the window smooths, and the wide upper transition."""
    above_F = (f_F - pass_band.pass_high) / (pass_band.stop_high - pass_band.pass_high)
    gain_F = 0.5 + 0.5 * np.cos(np.pi * np.clip(above_F, 0.0, 1.0))
    gain_F[f_F < (pass_band.stop_low + pass_band.pass_low) / 2] = 0.0
    for centre in notches:
        gain_F[np.abs(f_F - centre) < NOTCH_HALF_HZ] = 0.0
    return np.asarray(gain_F)
