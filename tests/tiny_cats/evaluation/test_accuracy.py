"""Accuracy and its intervals; guessing is told from knowing."""

import numpy as np
import pytest

from tiny_cats.evaluation.accuracy import mean_of, measure_accuracy, wilson

CATS_AND_DOGS = ["cat", "dog"]


def test_wilson_s_interval_is_the_textbook_s():
    """Newcombe 1998, Stat. Med. 17:857, table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29, method 3."""
    for right, total, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        share = wilson(right, total)
        assert (share.low, share.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(20, 20).high == 1.0 and wilson(20, 20).low == pytest.approx(1 - 0.1611, abs=5e-5)


def test_the_interval_of_a_mean_of_one_share_is_its_own():
    share = wilson(7, 10)
    assert mean_of([share]) == share


@pytest.mark.parametrize("recalls", [(0.5, 0.5), (0.9, 0.6), (1.0, 0.95)])
def test_balanced_accuracy_s_interval_holds_the_truth_19_times_in_20(recalls):
    random = np.random.default_rng(0)
    sizes, truth, held = (25, 50), sum(recalls) / 2, 0
    for _ in range(2000):
        right = [random.binomial(size, recall) for size, recall in zip(sizes, recalls, strict=True)]
        share = mean_of([wilson(int(count), size) for count, size in zip(right, sizes, strict=True)])
        held += share.low <= truth <= share.high
    assert 0.93 < held / 2000 < 0.995


def test_one_that_always_names_the_frequent_class_is_not_above_chance():
    y_N = np.array([0] * 120 + [1] * 250)
    always = np.tile([0.1, 0.9], (370, 1))
    found = measure_accuracy(always, y_N, CATS_AND_DOGS)
    assert found.accuracy.value == found.guess == 250 / 370
    assert found.balanced.value == found.chance == 0.5
    assert not found.is_above_chance


def test_random_answers_pass_as_above_chance_about_once_in_40():
    random = np.random.default_rng(1)
    y_N = np.array([0] * 25 + [1] * 50)
    passed = sum(
        measure_accuracy(random.random((75, 2)), y_N, CATS_AND_DOGS).is_above_chance for _ in range(2000)
    )
    assert passed / 2000 < 0.04


def test_right_answers_are_above_chance():
    y_N = np.arange(60) % 12
    found = measure_accuracy(np.eye(12)[y_N], y_N, [f"breed {k}" for k in range(12)])
    assert found.is_above_chance and found.accuracy.value == 1.0 and found.top3 is not None


def test_top_3_counts_what_is_among_the_three_likeliest():
    p_NK = np.array([[0.4, 0.3, 0.2, 0.1, 0, 0], [0.1, 0.2, 0.3, 0.4, 0, 0]])
    found = measure_accuracy(p_NK, np.array([2, 0]), list("abcdef"))
    assert (found.accuracy.value, found.top3.value) == (0.0, 0.5)


def test_a_class_without_test_pictures_counts_for_nothing():
    found = measure_accuracy(np.eye(3)[[0, 1]], np.array([0, 1]), ["a", "b", "c"])
    assert set(found.recalls) == {"a", "b"} and found.chance == 0.5
    assert found.facts()["balanced_accuracy"]["value"] == 1.0
