"""Post-processing is exactly threshold, opening, closing, minimum duration, merging, all in seconds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening

from seizure.config.schema import Lengths
from seizure.corpus.recording import Seizure
from seizure.events import postprocess
from seizure.events.runs import closed, opened, runs_of

masks = st.integers(0, 120).flatmap(lambda size: arrays(np.bool_, size))
# long runs too, which independent samples hardly ever give
run_masks = st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=12).map(
    lambda runs: np.concatenate([np.empty(0, bool), *(np.full(n, value) for value, n in runs)])
)


def mask_of(runs_R2: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    mask_T = np.zeros(size, dtype=bool)
    for start, stop in runs_R2:
        mask_T[start:stop] = True
    return mask_T


@given(st.one_of(masks, run_masks))
def test_runs_and_mask_are_the_same_thing(mask_T: NDArray[np.bool_]) -> None:
    assert np.array_equal(mask_of(runs_of(mask_T), mask_T.size), mask_T)


@given(st.one_of(masks, run_masks), st.integers(1, 40))
def test_opening_equals_scipy(mask_T: NDArray[np.bool_], segment: int) -> None:
    naive = binary_opening(mask_T, np.ones(segment)) if mask_T.size else mask_T
    assert np.array_equal(mask_of(opened(runs_of(mask_T), segment), mask_T.size), naive)


@given(st.one_of(masks, run_masks), st.integers(1, 40))
def test_closing_equals_scipy_on_an_endless_line(mask_T: NDArray[np.bool_], segment: int) -> None:
    padded = np.pad(mask_T, segment)
    naive = binary_closing(padded, np.ones(segment))[segment : segment + mask_T.size]
    assert np.array_equal(mask_of(closed(runs_of(mask_T), segment), mask_T.size), naive)


@given(
    st.integers(0, 200).flatmap(lambda size: arrays(np.float32, size, elements=st.floats(0, 1, width=32))),
    st.floats(0, 1),
    st.tuples(*[st.integers(0, 12)] * 4),
)
def test_postprocessing_equals_the_naive_one(
    p_T: NDArray[np.float32], threshold: float, sizes: tuple[int, ...]
) -> None:
    opening, closing, shortest, merge = sizes
    rate_hz = 8
    settings = Lengths(
        opening_s=opening / rate_hz,
        closing_s=closing / rate_hz,
        min_duration_s=shortest / rate_hz,
        merge_s=merge / rate_hz,
    )
    events = postprocess(p_T, rate_hz, threshold, settings)
    naive = np.pad(p_T >= threshold, 20)
    for size, operation in ((opening, binary_opening), (closing, binary_closing)):
        naive = operation(naive, np.ones(size)) if size else naive
    for size, operation in ((shortest, binary_opening), (merge, binary_closing)):
        naive = operation(naive, np.ones(size)) if size else naive
    expected = runs_of(naive[20 : 20 + p_T.size]) / rate_hz
    assert [(event.start_s, event.stop_s) for event in events] == [tuple(row) for row in expected.tolist()]


@given(
    arrays(np.float32, 300, elements=st.floats(0, 1, width=32)),
    st.floats(0, 1),
    st.floats(0, 3),
    st.floats(0, 3),
)
def test_events_are_sorted_disjoint_and_within(
    p_T: NDArray[np.float32], threshold: float, opening_s: float, closing_s: float
) -> None:
    events = postprocess(p_T, 10, threshold, Lengths(opening_s=opening_s, closing_s=closing_s))
    times = [time for event in events for time in (event.start_s, event.stop_s)]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert all(0 <= time <= 30 for time in times)
    assert all(0 <= event.confidence <= 1 for event in events)


def test_lengths_are_seconds_at_any_rate() -> None:
    settings = Lengths(opening_s=2, closing_s=3, min_duration_s=4, merge_s=10)
    for rate_hz in (1, 64, 256):
        p_T = np.zeros(200 * rate_hz, dtype=np.float32)
        for start_s, stop_s in ((10, 11), (20, 24), (26, 30), (50, 55), (64, 70), (150, 153)):
            p_T[start_s * rate_hz : stop_s * rate_hz] = 0.9
        # 10-11 is opened away, the gap 24-26 closed, 150-153 too short, the gap 55-64 merged
        found = [(event.start_s, event.stop_s) for event in postprocess(p_T, rate_hz, 0.5, settings)]
        assert found == [(20, 30), (50, 70)]


def test_the_published_recipe_of_five_samples_can_be_said_in_seconds() -> None:
    settings = Lengths(opening_s=5 / 256, closing_s=5 / 256, min_duration_s=0)
    p_T = np.zeros(100, dtype=np.float32)
    p_T[10:14], p_T[30:35], p_T[39:44], p_T[49:60] = 1, 1, 1, 1
    found = [(event.start_s * 256, event.stop_s * 256) for event in postprocess(p_T, 256, 0.8, settings)]
    assert found == [(30, 44), (49, 60)]


def test_a_run_at_the_end_of_the_recording_is_not_eaten_by_closing() -> None:
    p_T = np.ones(2560, dtype=np.float32)
    assert postprocess(p_T, 256, 0.5, Lengths()) == [Seizure(0.0, 10.0, "seiz", 1.0)]


def test_a_day_at_256_hz_takes_little_time_and_is_right() -> None:
    p_T = np.zeros(24 * 3600 * 256, dtype=np.float32)
    p_T[1_000_000:1_010_000] = 0.75
    (event,) = postprocess(p_T, 256, 0.5, Lengths())
    assert (event.start_s, event.stop_s) == (1_000_000 / 256, 1_010_000 / 256)
    assert event.confidence == pytest.approx(0.75)


def test_nan_is_below_any_threshold() -> None:
    p_T = np.full(2560, np.nan, dtype=np.float32)
    assert postprocess(p_T, 256, 0.0, Lengths()) == []
