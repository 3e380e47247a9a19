"""The lengths that validation chooses: found where they are better, and the recipe's where they are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seizure.config.schema import RECIPE, Lengths, Postprocessing
from seizure.corpus.recording import Seizure
from seizure.errors import ScoringError
from seizure.events import postprocess
from seizure.scoring import Curve
from seizure.scoring.curve import THRESHOLDS, best_of
from seizure.scoring.fit import CANDIDATES, MAX_PASSES, fit_lengths
from seizure.scoring.kept import Recounting, keep

RATE_HZ = 8
HOUR_S = 3600
BOTH = Postprocessing(min_duration_s="fit", merge_s="fit")
ALL = Postprocessing(opening_s="fit", closing_s="fit", min_duration_s="fit", merge_s="fit")
TRUTH = [Seizure(600, 640), Seizure(2000, 2040)]


def recounting(*recordings, thresholds=(0.2, 0.5, 0.8)):
    """Of recordings of an hour: (seizures, probability by (start_s, stop_s))."""
    made = Recounting(thresholds)
    for number, (wanted, probable) in enumerate(recordings):
        p_T = np.full(HOUR_S * RATE_HZ, 0.05, np.float32)
        for (start_s, stop_s), p in probable.items():
            p_T[int(start_s * RATE_HZ) : int(stop_s * RATE_HZ)] = p
        made.add(str(number), wanted, HOUR_S, keep(p_T, RATE_HZ, thresholds, 0.0))
    return made


def fit(asked, made, threshold=None, split="val"):
    return fit_lengths(asked, made.curve, split, threshold, lambda _: None)


SURE = {(600, 640): 0.9, (2000, 2040): 0.9}


def test_a_longer_minimum_is_found_where_only_it_removes_false_alarms():
    # as sure as the seizures, so that no threshold helps, and of 5 s
    made = recounting((TRUTH, SURE | {(start_s, start_s + 5): 0.9 for start_s in (1000, 1300, 2500, 3000)}))
    fitted = fit(BOTH, made)
    assert fitted.f1 == 1.0 > fitted.f1_of_recipe
    # 10 and 15 do it as well: the nearest to the recipe is taken
    assert fitted.lengths == Lengths(min_duration_s=6.0)
    assert fitted.names == ("min_duration_s", "merge_s")


def test_merging_is_found_where_it_covers_a_seizure_that_is_seen_in_parts():
    parts = {(start_s, start_s + 4): 0.9 for start_s in range(600, 640, 12)}
    made = recounting(([Seizure(600, 640)], parts))
    fitted = fit(BOTH, made)
    # events are the same for SzCORE; the seconds between are not
    assert fitted.f1 == fitted.f1_of_recipe == 1.0
    assert fitted.lengths == Lengths(merge_s=15.0)


def test_without_a_gain_the_recipe_stays():
    made = recounting((TRUTH, SURE))
    for asked in (BOTH, ALL):
        fitted = fit(asked, made)
        assert fitted.lengths == RECIPE
        assert fitted.tried == 1 + sum(len(CANDIDATES[name]) - 1 for name in fitted.names)


def test_a_gain_of_chance_in_seconds_is_none():
    # three seconds of 40 that merging would cover: less than a hundredth of F1 over both recordings
    sure = {(600, 640): 0.9, (2000, 2018): 0.9, (2021.5, 2040): 0.9}
    made = recounting((TRUTH, sure), *[([Seizure(100, 700)], {(100, 700): 0.9})] * 2)
    assert fit(BOTH, made).lengths == RECIPE


def test_only_what_is_to_be_fitted_moves():
    made = recounting((TRUTH, SURE | {(1000, 1005): 0.9}))
    asked = Postprocessing(min_duration_s=3.0, merge_s="fit", opening_s=1.0)
    assert fit(asked, made).lengths == Lengths(min_duration_s=3.0, opening_s=1.0)


def test_the_threshold_goes_with_the_lengths():
    # recipe: 0.8 alone avoids false alarms, and loses a seizure; with 6 s as a minimum 0.5 finds both
    false = {(start_s, start_s + 5): 0.7 for start_s in (1000, 1300, 2500, 3000)}
    made = recounting((TRUTH, {(600, 640): 0.9, (2000, 2040): 0.6} | false))
    fitted = fit(BOTH, made)
    assert (fitted.threshold, fitted.f1) == (0.5, 1.0)
    assert fitted.lengths.min_duration_s == 6.0


def test_a_given_threshold_is_kept():
    made = recounting((TRUTH, SURE | {(1000, 1005): 0.3}))
    fitted = fit(BOTH, made, threshold=0.2)
    assert (fitted.threshold, fitted.lengths.min_duration_s) == (0.2, 6.0)


def test_nothing_is_fitted_on_eval_nor_without_a_seizure():
    with pytest.raises(ScoringError, match="never on eval"):
        fit(BOTH, recounting((TRUTH, SURE)), split="eval")
    with pytest.raises(ScoringError, match="hold no seizure"):
        fit(BOTH, recounting(([], SURE)), threshold=0.5)


def test_every_length_has_the_recipes_value_among_its_candidates():
    assert set(CANDIDATES) == set(Lengths.model_fields)
    for name, values in CANDIDATES.items():
        assert getattr(RECIPE, name) in values
        assert list(values) == sorted(set(values))


spans = st.tuples(st.integers(0, 3500), st.integers(1, 60), st.sampled_from((0.3, 0.6, 0.9)))


@settings(max_examples=15)
@given(st.lists(spans, max_size=12), st.integers(0, 3400), st.sampled_from((BOTH, ALL)))
def test_f1_on_validation_is_never_below_the_recipes(made_up, start_s, asked):
    probable = {(start, start + length): p for start, length, p in made_up}
    made = recounting(([Seizure(start_s, start_s + 45)], probable))
    fitted = fit(asked, made)
    best_of_recipe = best_of(made.curve(RECIPE))
    of_recipe = best_of_recipe[0]
    assert fitted.f1 >= of_recipe
    assert best_of(made.curve(fitted.lengths), fitted.threshold)[0] == fitted.f1
    assert fitted.f1_of_recipe == of_recipe
    assert best_of(made.curve(fitted.lengths)) > best_of_recipe or fitted.lengths == RECIPE
    assert fitted.tried <= 1 + MAX_PASSES * sum(len(CANDIDATES[name]) - 1 for name in fitted.names)


lengths = st.builds(Lengths, **{name: st.sampled_from(CANDIDATES[name]) for name in CANDIDATES})


@settings(max_examples=60)
@given(arrays(np.float32, 400, elements=st.floats(0, 1, width=32)), lengths)
def test_runs_that_are_kept_give_the_events_that_probabilities_give(p_T, asked):
    thresholds = (0.1, 0.5, 0.9)
    p_T[7] = np.nan
    p_T[50:200] += 0.4
    p_T = p_T.clip(0, 1)
    kept = keep(p_T, RATE_HZ, thresholds, min(CANDIDATES["opening_s"]))
    for place, threshold in enumerate(thresholds):
        found = postprocess(p_T, RATE_HZ, threshold, asked)
        rows = kept.rows(place, asked).tolist()
        assert [tuple(row[:2]) for row in rows] == [(one.start_s, one.stop_s) for one in found]
        assert [row[2] for row in rows] == pytest.approx([one.confidence for one in found])


def test_counting_again_gives_what_counting_once_does():
    recordings = [(TRUTH, SURE | {(1000, 1005): 0.6}), ([], {(50, 58): 0.9})]
    made = recounting(*recordings, thresholds=THRESHOLDS)
    made.curve(Lengths(min_duration_s=10.0))  # remembered, and not to be mixed up
    curve = Curve(made.thresholds)
    for name, (wanted, _) in zip(("0", "1"), recordings, strict=True):
        rows = [made.kept[name].rows(place, RECIPE) for place in range(len(made.thresholds))]
        found = [[Seizure(start, stop) for start, stop, _ in each.tolist()] for each in rows]
        curve.add(wanted, HOUR_S, found)
    assert made.curve(RECIPE).points() == curve.points()
