"""Noise of a given spectrum, by one inverse FFT in float32."""

import numpy as np
import scipy.fft

from seizure.synth.head import Floats


def band_noise(
    rng: np.random.Generator, rows: int, samples: int, rate_hz: int, band_hz: tuple[float, float]
) -> Floats:
    """Gaussian noise of `band_hz` alone, rms 1, (rows, samples). A narrow band waxes and wanes."""
    return shaped_noise(rng, rows, samples, rate_hz, band_hz, slope=0.0)


def shaped_noise(
    rng: np.random.Generator,
    rows: int,
    samples: int,
    rate_hz: int,
    band_hz: tuple[float, float],
    slope: float,
) -> Floats:
    """Gaussian noise, rms 1, whose power falls as 1 / f^slope within `band_hz`, (rows, samples)."""
    length = int(scipy.fft.next_fast_len(samples, real=True))
    first = max(1, int(np.ceil(band_hz[0] * length / rate_hz)))
    last = min((length - 1) // 2, max(first, int(band_hz[1] * length / rate_hz)))
    bins = last - first + 1
    weight = (np.arange(first, last + 1, dtype=np.float32) / first) ** np.float32(-slope / 2)
    # each bin adds twice its complex variance (2) to the power of the inverse transform, over length²
    weight *= np.float32(length / (2 * np.sqrt(np.sum(weight.astype(np.float64) ** 2))))
    spectrum = np.zeros((rows, length // 2 + 1), dtype=np.complex64)
    draws = rng.standard_normal((rows, 2 * bins), dtype=np.float32)
    spectrum[:, first : last + 1] = draws.view(np.complex64) * weight
    noise: Floats = scipy.fft.irfft(spectrum, n=length, axis=1, overwrite_x=True)[:, :samples]
    return noise
