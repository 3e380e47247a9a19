"""Three experts' labels of newborns: real annotations, on which scorers can be checked by plain counting."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure
from seizure.scoring import score
from tests.seizure.real_data import real_eeg

pytestmark = pytest.mark.skipif(not real_eeg.ROOT.is_dir(), reason="real EEG: ../shared/data/eeg is absent")

INFANTS = [f"infant{number:02d}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def experts() -> dict[str, dict[str, tuple[list[Seizure], float]]]:
    return real_eeg.experts()


def seconds(labels: tuple[list[Seizure], float]) -> NDArray[np.bool_]:
    is_seizure_T = np.zeros(int(labels[1]), bool)
    for one in labels[0]:
        is_seizure_T[int(one.start_s) : int(one.stop_s)] = True
    return is_seizure_T


def test_the_labels_are_those_of_79_infants_and_112_hours(experts) -> None:
    for labels in experts.values():
        assert len(labels) == 79
        assert sum(duration_s for _, duration_s in labels.values()) / 3600 == pytest.approx(111.9, abs=0.1)
    seizures = [[one for ones, _ in labels.values() for one in ones] for labels in experts.values()]
    hours = [sum(one.duration_s for one in ones) / 3600 for ones in seizures]
    assert hours == pytest.approx([13.3, 17.6, 14.6], abs=0.1)


def test_an_expert_agrees_with_himself(experts) -> None:
    reference = {name: experts["A"][name] for name in INFANTS}
    result = score(reference, {name: experts["A"][name][0] for name in INFANTS})
    for scorer in (result.szcore_events, result.szcore_samples, result.ovlp, result.taes):
        assert scorer.f1 == pytest.approx(1.0) and scorer.counts.false_alarms == 0


def test_sample_scores_are_what_counting_seconds_gives(experts) -> None:
    a, b = ({name: experts[expert][name] for name in INFANTS} for expert in "AB")
    result = score(a, {name: b[name][0] for name in INFANTS}).szcore_samples
    wanted = np.concatenate([seconds(a[name]) for name in INFANTS])
    found = np.concatenate([seconds(b[name]) for name in INFANTS])
    assert result.counts.hits == (wanted & found).sum()
    assert result.counts.misses == (wanted & ~found).sum()
    assert result.counts.false_alarms == (~wanted & found).sum()


def test_scorers_differ_over_the_same_experts(experts) -> None:
    """So a figure without its scorer's name says nothing."""
    reference = {name: experts["A"][name] for name in INFANTS}
    result = score(reference, {name: experts["B"][name][0] for name in INFANTS})
    rates = [one.false_alarms_per_day for one in (result.szcore_events, result.ovlp, result.taes)]
    assert max(rates) > 1.5 * min(rates)
