"""The curves: bounded whatever a run's length, and true to what they are given."""

import pytest

from seizure.report.curves import Point, sensitivity_curves, training_curves
from training_kit.curves import POINTS, thinned


def test_a_long_runs_curve_stays_small_and_keeps_its_mean() -> None:
    loss = [(step, 1.0 + (step % 2)) for step in range(1, 100_001)]
    points = thinned(loss)
    assert len(points) == POINTS and points[-1][0] == 100_000
    assert sum(value for _, value in points) / POINTS == pytest.approx(1.5)
    assert len(training_curves(loss, [(50_000, 1.2)], loss)) < 150_000


def test_a_short_runs_curve_is_as_it_is() -> None:
    assert thinned([(1, 0.5), (2, 0.25)]) == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_no_error(value: float) -> None:
    assert "</svg>" in training_curves([(1, 0.5), (2, value)], [(2, value)], [(1, 1e-3), (2, 1e-3)])


def test_one_threshold_and_no_false_alarm_make_a_curve_too() -> None:
    only = Point(0.5, 1.0, 0.0)
    assert "</svg>" in sensitivity_curves({"val": [only]}, {"val": only})


def test_a_loss_that_never_changes_or_is_zero_is_drawn_without_a_warning() -> None:
    assert "</svg>" in training_curves([(1, 0.0)], [], [(1, 0.0)])
