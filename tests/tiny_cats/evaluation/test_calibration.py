"""Confidence: its error, and the temperature that mends it."""

import numpy as np
import pytest

from tiny_cats.evaluation.calibration import (
    fit_temperature,
    measure_calibration,
    nll,
    probabilities,
    reliability,
    reliability_png,
)


def drawn(count=4000, scale=1.0, seed=0):
    """Logits whose probabilities are true, multiplied by `scale`."""
    random = np.random.default_rng(seed)
    logits_NK = random.normal(0, 1.5, (count, 3))
    p_NK = probabilities(logits_NK)
    y_N = (random.random((count, 1)) > p_NK.cumsum(axis=1)).sum(axis=1)
    return logits_NK * scale, y_N


def test_true_probabilities_have_little_error():
    assert measure_calibration(*drawn()).error < 0.03


@pytest.mark.parametrize("scale", [3.0, 0.4])
def test_the_fitted_temperature_undoes_a_wrong_scale(scale):
    logits_NK, y_N = drawn(scale=scale)
    temperature = fit_temperature(logits_NK, y_N)
    assert temperature == pytest.approx(scale, rel=0.1)
    before, after = measure_calibration(logits_NK, y_N), measure_calibration(logits_NK, y_N, temperature)
    assert after.error < before.error / 3 and after.nll < before.nll


def test_the_fitted_temperature_is_the_best_there_is():
    logits_NK, y_N = drawn(count=200, scale=2.0)
    best = fit_temperature(logits_NK, y_N)
    assert all(nll(logits_NK, y_N, best) <= nll(logits_NK, y_N, best * other) for other in (0.95, 1.05))


def test_a_classifier_that_knows_all_or_nothing_ends_at_a_limit():
    y_N = np.arange(20) % 2
    assert fit_temperature(np.eye(2)[y_N], y_N) == pytest.approx(0.05)
    assert fit_temperature(-np.eye(2)[y_N], y_N) == pytest.approx(20.0)


def test_probabilities_of_huge_logits_are_finite():
    assert np.allclose(probabilities(np.array([[1e4, 0.0]])), [[1, 0]])


def test_bins_hold_all_pictures_in_equal_parts():
    logits_NK, y_N = drawn(count=103)
    bins = reliability(probabilities(logits_NK), y_N)
    assert sum(one.pictures for one in bins) == 103 and {one.pictures for one in bins} == {10, 11}
    assert [one.confidence for one in bins] == sorted(one.confidence for one in bins)
    assert all(one.low <= one.accuracy <= one.high for one in bins)
    assert len(reliability(probabilities(logits_NK[:20]), y_N[:20])) == 2
    assert len(reliability(probabilities(logits_NK[:4]), y_N[:4])) == 1


def test_its_picture_is_a_png():
    calibration = measure_calibration(*drawn(count=50))
    assert reliability_png(calibration, calibration).startswith(b"\x89PNG")
