"""The curve over thresholds, and the one threshold that validation chooses."""

import numpy as np
import pytest

from seizure.corpus.recording import Seizure
from seizure.errors import ScoringError
from seizure.scoring import Curve, fit_threshold, sensitivity_curve
from seizure.scoring.auroc import SampleAuroc
from seizure.scoring.eval_log import append, read, said_before, split_digest

HOUR_S = 3600.0
TRUTH = [Seizure(600, 660)]
FALSE = Seizure(2000, 2010)


def curve_of(*found_by_threshold, wanted=TRUTH, thresholds=(0.2, 0.4, 0.6, 0.8)):
    curve = Curve(thresholds)
    curve.add(wanted, HOUR_S, found_by_threshold)
    return curve


def test_each_point_is_szcore_events_at_its_threshold():
    points = sensitivity_curve(curve_of([*TRUTH, FALSE], TRUTH, [Seizure(600, 620)], []))
    assert [point["threshold"] for point in points] == [0.2, 0.4, 0.6, 0.8]
    assert [point["sensitivity"] for point in points] == [1, 1, 1, 0]
    assert [point["false_alarms_per_day"] for point in points] == [24, 0, 0, 0]
    assert [point["f1"] for point in points] == [pytest.approx(2 / 3), 1, 1, 0]


def test_recordings_add_up():
    curve = curve_of(TRUTH, TRUTH, TRUTH, TRUTH)
    curve.add([Seizure(10, 50)], HOUR_S, [[], [], [], []])
    assert [point["sensitivity"] for point in sensitivity_curve(curve)] == [0.5] * 4


def test_the_best_f1_of_events_is_chosen():
    assert fit_threshold(curve_of([*TRUTH, FALSE], TRUTH, [], []), "val") == 0.4


def test_among_equals_the_best_f1_of_samples_is_chosen():
    assert fit_threshold(curve_of([Seizure(600, 610)], [Seizure(600, 620)], TRUTH, []), "val") == 0.6


def test_among_equals_of_both_the_middle_one_is_chosen():
    assert fit_threshold(curve_of([], TRUTH, TRUTH, TRUTH), "val") == 0.6


def test_seconds_do_not_pull_the_threshold_to_the_edge_of_a_plateau():
    """0.3 covers two seconds more than what follows: no reason to go where false alarms begin."""
    thresholds = tuple(round(one / 10, 1) for one in range(1, 10))
    wide, exact = [Seizure(600, 660)], [Seizure(601, 659)]
    found = [[*TRUTH, FALSE], [*TRUTH, FALSE], wide, exact, exact, exact, exact, [], []]
    assert fit_threshold(curve_of(*found, thresholds=thresholds), "val") == 0.5


def test_of_two_plateaus_the_middle_of_the_longer_is_chosen():
    found = [TRUTH, [], [], [], TRUTH, TRUTH, TRUTH, []]
    thresholds = tuple(one / 10 for one in range(1, 9))
    assert fit_threshold(curve_of(*found, thresholds=thresholds), "val") == 0.6


def test_a_threshold_is_never_fitted_on_eval():
    with pytest.raises(ScoringError, match="never on eval"):
        fit_threshold(curve_of(TRUTH, TRUTH, TRUTH, TRUTH), "eval")


def test_a_threshold_is_never_fitted_without_a_seizure():
    with pytest.raises(ScoringError, match="hold no seizure"):
        fit_threshold(curve_of([], [], [], [], wanted=[]), "val")


def test_auroc_of_perfect_reversed_and_equal_probabilities():
    truth_T = np.array([False, False, True, True])
    for p, area in (([0.1, 0.2, 0.8, 0.9], 1.0), ([0.8, 0.9, 0.1, 0.2], 0.0), ([0.5] * 4, 0.5)):
        auroc = SampleAuroc()
        auroc.add(np.array(p, np.float32), truth_T)
        assert auroc.value() == area


def test_auroc_adds_recordings_up_and_needs_both_kinds():
    auroc = SampleAuroc()
    auroc.add(np.array([0.3, 0.7], np.float32), np.array([False, False]))
    assert auroc.value() is None
    auroc.add(np.array([0.5], np.float32), np.array([True]))
    assert auroc.value() == 0.5


# --- the eval log


def test_the_log_keeps_every_scoring_and_tells_of_those_before(tmp_path):
    digest = split_digest(["a", "b"])
    assert digest == split_digest(["b", "a"]) != split_digest(["a"])
    assert append(tmp_path, {"run": "one", "split_digest": digest}) == []
    before = append(tmp_path, {"run": "two", "split_digest": digest})
    assert said_before([], digest) is None
    assert said_before(before, digest) == "eval has been scored 1 time before by one: this is no first look"
    assert said_before(read(tmp_path), digest).startswith("eval has been scored 2 times before by one, two")
    assert said_before(read(tmp_path), split_digest(["c"])) is None


def test_a_line_that_a_kill_cut_short_does_not_swallow_the_next(tmp_path):
    append(tmp_path, {"run": "one"})
    with (tmp_path / "eval_log.jsonl").open("a") as file:
        file.write('{"run": "tw')
    append(tmp_path, {"run": "three"})
    assert [entry["run"] for entry in read(tmp_path)] == ["one", "three"]
