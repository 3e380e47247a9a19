"""Block-wise resampling and filtering, held against the whole recording in double precision."""

import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.config.schema import Preprocessing
from seizure.signal.blocks import plan_transfer, transformed
from seizure.signal.filters import design
from tests.seizure.signal.signals import pink

SETTINGS = Preprocessing()


def in_blocks(x_CT: npt.NDArray[np.float32], rate_hz: float) -> npt.NDArray[np.float32]:
    n_out = max(1, round(x_CT.shape[1] * 256 / rate_hz))
    transfer = plan_transfer(SETTINGS, rate_hz)
    parts = []
    for start, y_CT in transformed(lambda a, b: x_CT[:, a:b], x_CT.shape[1], transfer, n_out):
        assert start == sum(part.shape[1] for part in parts)
        assert y_CT.dtype == np.float32
        parts.append(y_CT)
    y_CT = np.concatenate(parts, axis=1)
    assert y_CT.shape == (len(x_CT), n_out)
    return y_CT


def as_a_whole(x_CT: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float64]:
    """20 s of odd reflection, resampling by one Fourier transform, convolution: all in double precision."""
    pad = 20 * rate_hz
    x_CT = np.pad(x_CT.astype(float), ((0, 0), (pad, pad)), mode="reflect", reflect_type="odd")
    y_CT = scipy.signal.resample(
        x_CT - x_CT.mean(axis=1, keepdims=True), x_CT.shape[1] * 256 // rate_hz, axis=1
    )
    y_CT = scipy.signal.fftconvolve(y_CT, design(SETTINGS, rate_hz)[None], mode="same", axes=1)
    return np.asarray(y_CT[:, 20 * 256 : -20 * 256])


@pytest.mark.parametrize("rate_hz", [64, 200, 250, 256, 400, 500, 512, 1000])
def test_blocks_are_equal_to_the_whole(rate_hz: int) -> None:
    x_CT = pink(rate_hz * 200, n_channels=2) + 1000
    error_CT = in_blocks(x_CT, rate_hz) - as_a_whole(x_CT, rate_hz)
    assert np.abs(error_CT).max() < 1e-3 * 30  # of the signal's sd: rounding, and the band's upper end


@pytest.mark.parametrize("rate_hz", [64, 199.8, 200.5, 249.9997, 250, 255.9, 256, 256.0077, 333.3, 512, 1000])
@pytest.mark.parametrize("frequency_hz", [1.0, 9.7, 25.0])
def test_a_sine_stays_where_it_is_at_any_rate(rate_hz: float, frequency_hz: float) -> None:
    n = round(rate_hz * 300)
    x_CT = np.sin(2 * np.pi * frequency_hz * np.arange(n) / rate_hz)[None].astype(np.float32)
    y_CT = in_blocks(x_CT, rate_hz)
    middle = slice(10 * 256, 290 * 256)
    expected_T = np.sin(2 * np.pi * frequency_hz * np.arange(y_CT.shape[1]) / 256)
    # a millisecond late would be 2 pi f / 1000
    bound = 0.003 + 2 * np.pi * frequency_hz * 2e-4
    assert np.abs(y_CT[0, middle] - expected_T[middle]).max() < bound


def test_no_drift_adds_up_over_half_a_day() -> None:
    """A beat in the last minute of twelve hours at 249.9997 Hz is where it belongs."""
    rate_hz, hours = 249.9997, 12
    n_samples = round(rate_hz * 3600 * hours)
    beat = n_samples - round(30 * rate_hz)

    def read(start: int, stop: int) -> npt.NDArray[np.float32]:
        t_T = np.arange(start, stop) - beat
        return np.exp(-0.5 * (t_T / 5.0) ** 2)[None].astype(np.float32)

    n_out = round(n_samples * 256 / rate_hz)
    blocks = list(transformed(read, n_samples, plan_transfer(SETTINGS, rate_hz), n_out))[-2:]
    start, y_T = max(((start, y_CT[0]) for start, y_CT in blocks), key=lambda block: block[1].max())
    expected = beat / rate_hz * 256
    assert abs(start + int(y_T.argmax()) - expected) <= 1


@pytest.mark.parametrize("n_samples", [1, 2, 3, 100, 250, 2000])
def test_recordings_shorter_than_the_filter_are_filtered(n_samples: int) -> None:
    x_CT = pink(max(n_samples, 8), n_channels=1)[:, :n_samples] + 500
    y_CT = in_blocks(x_CT, 250)
    assert np.isfinite(y_CT).all()
    assert np.abs(y_CT).max() < 500


def test_a_constant_becomes_zero_from_the_first_sample_on() -> None:
    assert np.abs(in_blocks(np.full((1, 30_000), 4000, np.float32), 250)).max() < 1e-3


@settings(max_examples=30)
@given(rate_hz=st.floats(32, 5000), rate_out_hz=st.sampled_from([128, 200, 256]))
def test_any_rate_keeps_time_within_a_block(rate_hz: float, rate_out_hz: int) -> None:
    transfer = plan_transfer(Preprocessing(rate_hz=rate_out_hz, high_hz=60), rate_hz)
    drift_s = abs(transfer.n_in / rate_hz - transfer.n_out / rate_out_hz) / 2
    assert drift_s < 1e-3
    assert transfer.hop > transfer.n_out // 2
    assert np.isfinite(transfer.gain_F).all()
