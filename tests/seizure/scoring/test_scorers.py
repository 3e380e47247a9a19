"""Each scorer against counts worked out by hand; names say the clause of its definition."""

import pytest

from seizure.corpus.recording import Seizure
from seizure.scoring import Counts
from seizure.scoring.ovlp import ovlp
from seizure.scoring.spans import spans
from seizure.scoring.szcore import szcore_events, szcore_samples
from seizure.scoring.taes import taes

HOUR_S = 3600.0


# --- SzCORE events: tolerance 30 s before and 60 s after, merging under 90 s, splitting over 5 min


def test_szcore_events_any_overlap_is_a_detection() -> None:
    assert szcore_events([(100, 160)], [(159, 200)], HOUR_S) == Counts(1, 0, 0)


def test_szcore_events_30_s_before_the_onset_are_tolerated() -> None:
    assert szcore_events([(100, 160)], [(75, 80)], HOUR_S) == Counts(1, 0, 0)
    assert szcore_events([(100, 160)], [(60, 65)], HOUR_S) == Counts(0, 1, 1)


def test_szcore_events_60_s_after_the_end_are_tolerated() -> None:
    assert szcore_events([(100, 160)], [(215, 230)], HOUR_S) == Counts(1, 0, 0)
    assert szcore_events([(100, 160)], [(225, 230)], HOUR_S) == Counts(0, 1, 1)


def test_szcore_events_nearer_than_90_s_are_one() -> None:
    assert szcore_events([(100, 160), (240, 300)], [(105, 110)], HOUR_S) == Counts(1, 0, 0)
    assert szcore_events([(100, 160), (260, 300)], [(105, 110)], HOUR_S) == Counts(1, 0, 1)


def test_szcore_events_longer_than_5_min_are_split() -> None:
    # 100-400, 400-700, 700-900: the first detection lies in the second and within 60 s of the first
    assert szcore_events([(100, 900)], [(440, 600)], HOUR_S) == Counts(2, 0, 1)
    assert szcore_events([(100, 900)], [(500, 600)], HOUR_S) == Counts(1, 0, 2)


def test_szcore_samples_are_seconds() -> None:
    assert szcore_samples([(100, 160)], [(130, 200)], HOUR_S) == Counts(30, 40, 30)


# --- OVLP


def test_ovlp_any_overlap_is_a_hit_and_no_tolerance_is_given() -> None:
    assert ovlp([(100, 160)], [(159, 300)]) == Counts(1, 0, 0)
    assert ovlp([(100, 160)], [(160, 300)]) == Counts(0, 1, 1)


def test_ovlp_one_detection_may_hit_several_references() -> None:
    assert ovlp([(10, 20), (30, 40), (50, 60)], [(15, 55)]) == Counts(3, 0, 0)


def test_ovlp_several_detections_in_one_reference_are_one_hit_and_no_false_alarm() -> None:
    assert ovlp([(10, 60)], [(15, 20), (30, 35), (70, 80)]) == Counts(1, 1, 0)


# --- TAES, clause by clause


def test_taes_detection_before_and_into_the_reference() -> None:
    # 10 of 40 s are covered, 20 s lie before
    assert taes([(100, 140)], [(80, 110)]) == Counts(0.25, 0.5, 0.75)


def test_taes_detection_from_within_beyond_the_reference() -> None:
    assert taes([(100, 120)], [(105, 125)]) == Counts(0.75, 0.25, 0.25)


def test_taes_detection_around_the_reference() -> None:
    assert taes([(100, 140)], [(90, 150)]) == Counts(1.0, 0.5, 0.0)


def test_taes_detection_within_the_reference() -> None:
    assert taes([(100, 140)], [(110, 120)]) == Counts(0.25, 0.0, 0.75)


def test_taes_false_alarm_of_one_detection_is_at_most_1() -> None:
    assert taes([(100, 110)], [(0, 500)]) == Counts(1.0, 1.0, 0.0)


def test_taes_several_detections_add_up_in_one_reference() -> None:
    assert taes([(100, 140)], [(90, 110), (120, 130), (135, 145)]) == Counts(0.625, 0.375, 0.375)


def test_taes_one_detection_over_several_references_hits_the_first_and_misses_the_rest() -> None:
    counts = taes([(0, 10), (20, 30), (40, 50), (60, 70)], [(2, 70)])
    assert counts == Counts(pytest.approx(0.8), 1.0, pytest.approx(3.2))


def test_taes_a_reference_missed_under_a_long_detection_leaves_its_own_detection_a_false_alarm() -> None:
    assert taes([(0, 10), (20, 30)], [(5, 22), (25, 30)]) == Counts(0.5, 2.0, 1.5)


def test_taes_a_detection_is_used_for_one_reference_only() -> None:
    # the second detection belongs to the first reference; the second reference has one of its own
    counts = taes([(0, 20), (30, 40)], [(1, 3), (18, 32), (35, 40)])
    assert counts == Counts(pytest.approx(0.2 + 0.5), pytest.approx(0.6), pytest.approx(0.8 + 0.5))


def test_taes_unmatched_events_count_whole() -> None:
    assert taes([(0, 10)], [(20, 21), (30, 99)]) == Counts(0.0, 2.0, 1.0)


def test_taes_events_that_only_come_near_one_another_do_not_overlap() -> None:
    assert taes([(10.9, 20)], [(5, 10.1)]) == Counts(0.0, 1.0, 1.0)


# --- what every scorer compares


def test_spans_are_cut_at_the_recording_and_united() -> None:
    events = [Seizure(50, 70), Seizure(-5, 10), Seizure(8, 20), Seizure(20, 21), Seizure(200, 300)]
    assert spans(events, 60.0) == [(0.0, 21), (50, 60.0)]
