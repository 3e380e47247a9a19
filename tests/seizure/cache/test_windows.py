"""Windows for training: only the recordings named, labels that are the intervals, batches that resume."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.cache.index import open_index
from seizure.cache.windows import WindowSampler
from seizure.errors import CacheError
from tests.seizure.cache.made import EXACT_SIGMA_UV, put

W = 2560  # 10 s
SEIZURES = {
    "a": [(20, 50)],
    "b": [],
    "c": [(0, 4), (70, 80)],
    "short": [(1, 3)],
    "tiny": [],
    "other": [(0, 9)],
}
LENGTHS = {"a": 80_000, "b": 30_000, "c": 20_480, "short": 1500, "tiny": 700, "other": 9000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Each sample says where it is from: channel 0 the recording, 1 and 2 its place."""
    folder = tmp_path_factory.mktemp("windows")
    for number, (name, samples) in enumerate(LENGTHS.items()):
        x_CT = np.zeros((3, samples), np.float32)
        x_CT[0] = number + 1
        x_CT[1] = np.arange(samples) % 1000
        x_CT[2] = np.arange(samples) // 1000
        put(folder, name, x_CT, SEIZURES[name], EXACT_SIGMA_UV)
    return folder


@pytest.fixture(scope="module")
def index(folder):
    return open_index(folder)


USED = ("a", "b", "c", "short", "tiny")


def sampler(index, ids=USED, share=0.5, batch_size=8, seed=1, start_step=0, **more):
    return WindowSampler(index, ids, W, share, batch_size, seed, start_step, **more)


def origin(index, q_CT, mask_T):
    """(recording, first sample) of a window."""
    there = int(mask_T.sum())
    for info in index.shards:
        if q_CT[0, 0] == list(LENGTHS).index(info.recording_id) + 1:
            places_T = q_CT[2, :there].astype(int) * 1000 + q_CT[1, :there]
            start = int(places_T[0])
            np.testing.assert_array_equal(places_T, np.arange(start, start + there))
            return info, start
    raise AssertionError("a window of no recording")


@given(
    st.integers(0, 2**63), st.integers(0, 10**7), st.floats(0, 1), st.sampled_from([USED, ("c",), ("a", "b")])
)
@settings(max_examples=60)
def test_windows_are_of_the_named_recordings_with_their_labels(index, seed, step, share, ids):
    with sampler(index, ids, share, seed=seed, start_step=step) as windows:
        q_BCT, y_BT, mask_BT = next(windows)
    assert (q_BCT.dtype, q_BCT.shape, y_BT.shape, mask_BT.shape) == (np.int16, (8, 3, W), (8, W), (8, W))
    for q_CT, y_T, mask_T in zip(q_BCT, y_BT, mask_BT, strict=True):
        info, start = origin(index, q_CT, mask_T)
        assert info.recording_id in ids
        assert mask_T.sum() == min(W, info.n_samples)
        np.testing.assert_array_equal(y_T, info.label_mask(start, W))
        assert not q_CT[:, ~mask_T].any() and not y_T[~mask_T].any()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 0.5), (0.3, 0.3), (1.0, 1.0), (0.0, 0.0), (0.01, 0.01)]
)
def test_the_share_of_windows_with_a_seizure_is_exact(index, share, expected):
    with sampler(index, share=share) as windows:
        held = [next(windows).y_BT.any(axis=1).sum() for _ in range(100)]
    assert abs(sum(held) - expected * 800) < 1
    assert max(held) - min(held) <= 1


def test_beginnings_middles_and_ends_of_seizures_appear_in_proportion_to_their_length(index):
    with sampler(index, share=1.0, batch_size=3000) as windows:
        q_BCT, _, mask_BT = next(windows)
    found = [origin(index, q_CT, mask_T) for q_CT, mask_T in zip(q_BCT, mask_BT, strict=True)]
    share_of_a = sum(info.recording_id == "a" for info, _ in found) / 3000
    assert share_of_a == pytest.approx(30 / 46, abs=0.05)  # 30 s of 46 s of seizures
    starts = np.array([start for info, start in found if info.recording_id == "a"])
    onsets = (starts < 20 * 256).mean()
    ends = (starts + W > 50 * 256).mean()
    assert onsets == pytest.approx(ends, abs=0.05) and 0.1 < onsets < 0.3
    middle = np.histogram(starts, 10, (20 * 256, 40 * 256))[0]
    assert middle.min() > middle.max() / 2


def test_windows_without_a_seizure_come_from_everywhere_else(index):
    with sampler(index, share=0.0, batch_size=4000) as windows:
        q_BCT, _, mask_BT = next(windows)
    names = [origin(index, q, m)[0].recording_id for q, m in zip(q_BCT, mask_BT, strict=True)]
    # a: 20 + 262.5 s, b: 117.2 s, c: 66 s (after its last seizure nothing fits), tiny: 2.7 s
    for name, seconds in {"a": 282.5, "b": 117.2, "c": 66, "tiny": 2.7}.items():
        assert names.count(name) / 4000 == pytest.approx(seconds / 468.4, abs=0.03)
    assert "short" not in names and "tiny" in names


def batches(windows, n=6):
    return [next(windows) for _ in range(n)]


def same(one, two):
    return all((a == b).all() for x, y in zip(one, two, strict=True) for a, b in zip(x, y, strict=True))


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_give_the_same_batches_in_the_same_order(index, workers):
    with sampler(index) as alone, sampler(index, workers=workers) as threads:
        assert same(batches(alone), batches(threads))


def test_a_sampler_resumes_at_any_step_without_replay(index):
    with sampler(index) as whole, sampler(index, start_step=4, workers=2) as resumed:
        batches(whole, 4)
        assert same(batches(whole, 3), batches(resumed, 3))


def test_seeds_steps_and_ranks_give_other_windows(index):
    with sampler(index) as first:
        one = first.batch(0)
        others = [first.batch(1)]
    for more in ({"seed": 2}, {"rank": 1, "world": 2}, {"rank": 0, "world": 2}):
        with sampler(index, **more) as other:
            others.append(other.batch(0))
    assert not any((one.q_BCT == other.q_BCT).all() for other in others)


def test_a_batch_is_not_overwritten_by_the_next(index):
    with sampler(index, workers=2) as windows:
        first = next(windows)
        kept = first.q_BCT.copy()
        batches(windows, 5)
    np.testing.assert_array_equal(first.q_BCT, kept)


def test_few_files_are_open_at_once(index, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _: (8, 8))
    with sampler(index, workers=2, batch_size=64) as windows:
        windows._open._most = 2
        batches(windows, 3)
        assert len(windows._open._opened) <= 2


def test_a_program_that_ends_without_closing_its_sampler_ends_quietly(folder):
    program = f"""
from pathlib import Path
from seizure.cache import WindowSampler, open_index
sampler = WindowSampler(open_index(Path({str(folder)!r})), ["a"], {W}, 0.5, 4, 0, workers=2)
next(sampler)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_recordings_without_any_seizure_are_an_error(index):
    with pytest.raises(CacheError, match="not one of 2 recordings has a seizure"):
        sampler(index, ("b", "tiny"))


def test_recordings_that_are_all_seizure_need_a_share_of_one(index):
    with pytest.raises(CacheError, match=r"set training\.seizure_share to 1"):
        sampler(index, ("short",))
    with sampler(index, ("short",), share=1.0) as windows:
        assert next(windows).y_BT.any(axis=1).all()


def test_a_recording_that_is_not_in_the_cache_is_named(index):
    with pytest.raises(CacheError, match="zzz"):
        sampler(index, ("a", "zzz"))


def test_shards_of_another_montage_are_refused(tmp_path):
    put(tmp_path, "a", np.random.default_rng(0).normal(size=(3, 5000)), [(1, 2)])
    put(tmp_path, "b", np.random.default_rng(0).normal(size=(2, 5000)), [(1, 2)])
    with pytest.raises(CacheError, match="other channels"):
        sampler(open_index(tmp_path), ("a", "b"))
