"""Figures over whole recordings: what predecessors got wrong, and what must hold for any events."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seizure.corpus.recording import Seizure
from seizure.scoring import SCORERS, Score, Scores, score

HOUR_S = 3600.0


def each(scores: Scores) -> list[Score]:
    return [getattr(scores, key) for key in SCORERS]


def test_one_missed_seizure_is_sensitivity_0() -> None:
    scores = score({"a": ([Seizure(100, 160)], HOUR_S)}, {"a": []})
    for result in each(scores):
        assert (result.sensitivity, result.precision, result.f1) == (0.0, None, 0.0)
        assert result.false_alarms_per_day == 0.0


def test_one_false_alarm_in_one_hour_is_24_a_day() -> None:
    scores = score({"a": ([], HOUR_S)}, {"a": [Seizure(1000, 1010)]})
    for key in ("szcore_events", "ovlp", "taes"):
        result = getattr(scores, key)
        assert result.false_alarms_per_day == 24.0
        assert (result.sensitivity, result.precision, result.f1) == (None, 0.0, 0.0)


def test_false_alarms_a_day_are_over_the_total_duration() -> None:
    reference = {"a": ([], HOUR_S), "b": ([Seizure(10, 60)], 7 * HOUR_S)}
    scores = score(reference, {"a": [Seizure(1000, 1010)], "b": [Seizure(10, 60), Seizure(9000, 9020)]})
    assert scores.duration_s == 8 * HOUR_S
    assert scores.ovlp.false_alarms_per_day == 2 * 3


def test_a_recording_without_detections_counts_with_its_seizures_and_its_duration() -> None:
    reference = {"a": ([Seizure(100, 160)], HOUR_S), "b": ([Seizure(100, 160)], HOUR_S)}
    scores = score(reference, {"a": [Seizure(100, 160)]})
    assert (scores.recordings, scores.seizures, scores.duration_s) == (2, 2, 2 * HOUR_S)
    assert all(result.sensitivity == 0.5 for result in each(scores))


def test_seizures_of_a_recording_of_unknown_length_are_missed_not_lost() -> None:
    scores = score({"a": ([Seizure(100, 160)], 0.0)}, {})
    assert scores.seizures == 1
    assert all(result.sensitivity == 0.0 for result in each(scores))


def test_counts_are_added_up_before_figures_are_formed() -> None:
    seizures = [Seizure(500 * k, 500 * k + 20) for k in range(1, 7)]
    reference = {"a": (seizures, HOUR_S), "b": ([Seizure(100, 120)], HOUR_S)}
    scores = score(reference, {"a": [], "b": [Seizure(100, 120)]}, {"a": "p1", "b": "p2"})
    assert scores.szcore_events.sensitivity == pytest.approx(1 / 7)  # not the mean of 0 and 1
    assert scores.as_json()["szcore_events_mean_of_patients"]["sensitivity"] == 0.5


def test_detections_of_a_recording_that_has_no_reference_are_refused() -> None:
    with pytest.raises(ValueError, match="without a reference: b"):
        score({"a": ([], HOUR_S)}, {"b": [Seizure(1, 5)]})


def test_every_result_names_its_scorer() -> None:
    values = score({"a": ([], HOUR_S)}, {}).as_json()
    assert [values[key]["scorer"] for key in SCORERS] == list(SCORERS.values())


def test_nothing_at_all_has_no_figures() -> None:
    for result in each(score({}, {})):
        assert (result.sensitivity, result.f1, result.false_alarms_per_day) == (None, None, None)


corpora = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(
        st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), max_size=5), st.integers(0, 200)
    ).map(lambda parts: _recording(*parts)),
    max_size=5,
)


def _recording(rows: list[tuple[int, int]], rest_s: int) -> tuple[list[Seizure], float]:
    seizures, at = [], 0.0
    for gap_s, length_s in rows:
        seizures.append(Seizure(at + gap_s, at + gap_s + length_s))
        at += gap_s + length_s
    return seizures, at + rest_s + 1


@given(corpora)
def test_the_reference_scored_against_itself_is_perfect(
    corpus: dict[str, tuple[list[Seizure], float]],
) -> None:
    scores = score(corpus, {name: seizures for name, (seizures, _) in corpus.items()})
    for result in each(scores):
        assert result.counts.false_alarms == pytest.approx(0)
        assert result.sensitivity in (None, pytest.approx(1.0))
        assert result.f1 in (None, pytest.approx(1.0))


@given(corpora, corpora, st.randoms(use_true_random=False))
def test_scores_do_not_depend_on_the_order_of_recordings_or_events(
    corpus: dict[str, tuple[list[Seizure], float]],
    other: dict[str, tuple[list[Seizure], float]],
    shuffle: random.Random,
) -> None:
    found = {name: seizures for name, (seizures, _) in other.items() if name in corpus}
    names, shuffled = list(corpus), {name: list(seizures) for name, seizures in found.items()}
    shuffle.shuffle(names)
    for seizures in shuffled.values():
        shuffle.shuffle(seizures)
    assert score({name: corpus[name] for name in names}, shuffled) == score(corpus, found)


@given(corpora, corpora)
def test_hits_and_misses_are_all_references_and_figures_are_shares(
    corpus: dict[str, tuple[list[Seizure], float]], other: dict[str, tuple[list[Seizure], float]]
) -> None:
    found = {name: seizures for name, (seizures, _) in other.items() if name in corpus}
    scores = score(corpus, found)
    for key in ("ovlp", "taes"):
        counts = getattr(scores, key).counts
        assert counts.hits + counts.misses == pytest.approx(scores.seizures)
    for result in each(scores):
        assert all(
            figure is None or 0 <= figure <= 1 + 1e-12
            for figure in (result.sensitivity, result.precision, result.f1)
        )
