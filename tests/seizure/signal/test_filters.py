"""The transfer function: what passes, what does not, and that nothing is shifted in time."""

import numpy as np
import pytest

from seizure.config.schema import Preprocessing
from seizure.signal.filters import band, design, notches_hz


def gain_db(settings: Preprocessing, frequency_hz: float, rate_hz: float = 256) -> float:
    taps = design(settings, rate_hz)
    t_s = (np.arange(len(taps)) - len(taps) // 2) / settings.rate_hz
    return float(20 * np.log10(abs(np.sum(taps * np.cos(2 * np.pi * frequency_hz * t_s))) + 1e-12))


@pytest.mark.parametrize("frequency_hz", [0.5, 1, 3, 10, 30, 50, 58.9, 61.1, 75, 99])
def test_the_pass_band_is_flat_within_a_twentieth_of_a_decibel(frequency_hz: float) -> None:
    assert abs(gain_db(Preprocessing(), frequency_hz)) < 0.05


@pytest.mark.parametrize(
    ("frequency_hz", "below_db"),
    [(0.0, -200), (0.05, -30), (60, -50), (59.9, -45), (60.1, -45), (120, -50), (125, -50)],
)
def test_drift_mains_and_what_lies_above_are_taken_out(frequency_hz: float, below_db: float) -> None:
    assert gain_db(Preprocessing(), frequency_hz) < below_db


def test_a_constant_is_taken_out_exactly() -> None:
    for mains_hz in (0, 50, 60):
        taps = design(Preprocessing(mains_hz=mains_hz), 250)
        assert abs(taps.sum()) < 1e-12
        np.testing.assert_allclose(taps, taps[::-1], atol=1e-15)  # symmetric: zero phase


def test_the_mains_are_those_of_the_configuration() -> None:
    assert gain_db(Preprocessing(mains_hz=50), 50) < -50
    assert gain_db(Preprocessing(mains_hz=50), 100) < -50
    assert abs(gain_db(Preprocessing(mains_hz=50), 60)) < 0.05
    assert abs(gain_db(Preprocessing(mains_hz=0), 60)) < 0.05


@pytest.mark.parametrize(
    ("mains_hz", "high_hz", "expected"),
    [(60, 100, (60, 120)), (50, 100, (50, 100)), (50, 70, (50,)), (60, 40, ()), (0, 100, ())],
)
def test_harmonics_up_to_the_end_of_the_band(
    mains_hz: int, high_hz: float, expected: tuple[float, ...]
) -> None:
    settings = Preprocessing.model_validate({"mains_hz": mains_hz, "high_hz": high_hz})
    assert notches_hz(settings.mains_hz, band(settings, 256)) == expected


@pytest.mark.parametrize("rate_hz", [64, 100, 200, 250, 256, 400, 512, 1000])
def test_the_band_ends_within_what_both_rates_hold(rate_hz: float) -> None:
    edges = band(Preprocessing(), rate_hz)
    assert edges.stop_low < edges.pass_low < edges.pass_high < edges.stop_high <= min(rate_hz, 256) / 2
    assert edges.pass_high == min(100.0, 0.45 * rate_hz)


@pytest.mark.parametrize("low_hz", [0.1, 0.5, 1.0, 8.0])
@pytest.mark.parametrize("high_hz", [20.0, 70.0, 127.0])
def test_other_bands_pass_their_middle_and_stop_constants(low_hz: float, high_hz: float) -> None:
    settings = Preprocessing(low_hz=low_hz, high_hz=high_hz, mains_hz=0)
    assert abs(gain_db(settings, (low_hz * high_hz) ** 0.5)) < 0.1
    assert gain_db(settings, 0) < -200
