import numpy as np

BANDS = {"delta": (0.5, 4), "theta": (4, 8), "alpha": (8, 13), "sigma": (11, 16), "beta": (16, 30)}


def band_power(signal: np.ndarray, rate_hz: float = 100.0) -> np.ndarray:
    """Log power in each band of windows of 30 seconds."""
    length = int(30 * rate_hz)
    windows = signal[: len(signal) // length * length].reshape(-1, length)
    power = np.abs(np.fft.rfft(windows * np.hanning(length))) ** 2
    hz = np.fft.rfftfreq(length, 1 / rate_hz)
    return np.log(
        np.stack([power[:, (low <= hz) & (hz < high)].mean(axis=1) for low, high in BANDS.values()], 1)
    )
