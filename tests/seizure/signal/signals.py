"""Signals for the tests of preprocessing."""

from pathlib import Path

import edfio
import numpy as np
import numpy.typing as npt

from seizure.signal.channels import REFERENTIAL19, parse_label


def standard_name(label: str) -> str | None:
    """The electrode of the 19 that a referential channel records; None for anything else.

    'EEG FP1-REF' -> 'Fp1', 'T7' -> 'T3', 'EEG FP1-F7' -> None.
    """
    parsed = parse_label(label)
    if parsed is None or parsed.is_bipolar or parsed.electrode not in REFERENTIAL19:
        return None
    return parsed.electrode


def pink(n_samples: int, n_channels: int = 19, seed: int = 0, sd_uv: float = 30.0) -> npt.NDArray[np.float32]:
    """Noise whose power falls with the frequency, as that of an EEG does."""
    random = np.random.default_rng(seed)
    f_F = np.fft.rfftfreq(n_samples)
    f_F[0] = 1.0
    x_CT = np.fft.irfft(
        np.fft.rfft(random.standard_normal((n_channels, n_samples))) / np.sqrt(f_F), n_samples
    )
    return (sd_uv * x_CT / x_CT.std(axis=1, keepdims=True)).astype(np.float32)


def write_edf(
    path: Path, x_uv_CT: npt.NDArray[np.float32], labels: list[str] | None = None, rate_hz: float = 250
) -> Path:
    """Writes an EDF of channels with these labels (default: EEG ...-REF of the 19)."""
    labels = labels or [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
    signals = [
        edfio.EdfSignal(
            x_T.astype(float), rate_hz, label=label, physical_dimension="uV", physical_range=(-3000, 3000)
        )
        for x_T, label in zip(x_uv_CT, labels, strict=True)
    ]
    edfio.Edf(signals).write(path)
    return path
