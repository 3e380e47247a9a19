"""The plan of a corpus: patients never shared, counts exact, seizures apart and away from the ends."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.synth.difficulty import DEFAULT, Difficulty
from seizure.synth.plan import APART_S, EDGE_S, CorpusPlan


@given(
    train=st.integers(0, 80),
    dev=st.integers(0, 20),
    evaluation=st.integers(0, 20),
    minutes=st.sampled_from([0.5, 1.0, 5.0, 6.0, 20.0]),
    seed=st.integers(0, 2**31),
    patients=st.integers(0, 100),
)
@settings(max_examples=60)
def test_every_plan_keeps_its_promises(
    train: int, dev: int, evaluation: int, minutes: float, seed: int, patients: int
) -> None:
    asked = CorpusPlan(train, dev, evaluation, minutes, seed, patients)
    plans = asked.recordings(DEFAULT)
    counts = Counter(plan.partition for plan in plans)
    assert (counts["train"], counts["dev"], counts["eval"]) == (train, dev, evaluation)
    assert len({plan.recording_id for plan in plans}) == len(plans)
    assert len({(plan.patient, plan.partition) for plan in plans}) == len({plan.patient for plan in plans})
    assert all(plan.seizures for plan in plans) <= all(counts.values())
    for partition in counts:
        assert any(plan.seizures for plan in plans if plan.partition == partition)
    for plan in plans:
        assert plan.duration_s == minutes * 60
        assert all(0 <= seizure.start_s < seizure.stop_s <= plan.duration_s for seizure in plan.seizures)
        for one, other in zip(plan.seizures, plan.seizures[1:], strict=False):
            assert other.start_s - one.stop_s >= APART_S - 1e-3
    assert plans == asked.recordings(DEFAULT)


def test_seizures_keep_away_from_the_ends_but_for_a_few() -> None:
    plans = CorpusPlan(2000, 0, 0, 6.0, 0).recordings(DEFAULT)
    seizures = [(plan, seizure) for plan in plans for seizure in plan.seizures]
    cut = [1 for plan, one in seizures if one.start_s == 0 or one.stop_s == plan.duration_s]
    near = [1 for plan, one in seizures if one.start_s < EDGE_S or one.stop_s > plan.duration_s - EDGE_S]
    assert len(cut) == len(near)
    assert 0.01 < len(cut) / len(seizures) < 0.06
    assert all(14.9 <= one.duration_s <= 120.1 for _, one in seizures)


def test_short_recordings_hold_short_seizures() -> None:
    plans = CorpusPlan(500, 0, 0, 1.0, 0).recordings(DEFAULT)
    lengths = [seizure.duration_s for plan in plans for seizure in plan.seizures]
    assert lengths and min(lengths) >= 14.9 and max(lengths) <= 30.1


def test_a_large_corpus_is_mixed_as_tusz_is() -> None:
    plans = CorpusPlan(4667, 0, 0, 1.0, 0, 579).recordings(DEFAULT)
    assert len({plan.patient for plan in plans}) == 579
    files = Counter(Counter(plan.patient for plan in plans).values())
    assert files[1] >= 20, "single files, so that a holdout can add up to any number"
    assert sum(not plan.has_midline for plan in plans) / 4667 == pytest.approx(249 / 7364, abs=0.012)
    assert {plan.rate_hz for plan in plans} == {250, 256, 400, 512}
    assert {plan.montage for plan in plans} == {"01_tcp_ar", "02_tcp_le", "03_tcp_ar_a"}
    assert 0.3 < sum(bool(plan.seizures) for plan in plans) / 4667 < 0.4
    kinds = {seizure.label for plan in plans for seizure in plan.seizures}
    assert kinds == {"fnsz", "gnsz", "cpsz", "absz", "tcsz"}


def test_a_patient_keeps_rate_and_montage() -> None:
    plans = CorpusPlan(200, 0, 0, 1.0, 0).recordings(DEFAULT)
    assert len({(plan.patient, plan.rate_hz, plan.montage) for plan in plans}) == len(
        {plan.patient for plan in plans}
    )


def test_the_share_of_seizures_is_a_setting() -> None:
    plans = CorpusPlan(100, 0, 0, 6.0, 0).recordings(Difficulty(seizure_share=0.8))
    assert sum(bool(plan.seizures) for plan in plans) == 80
