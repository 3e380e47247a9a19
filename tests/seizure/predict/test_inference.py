"""Stitching: each sample is the weighted mean of the windows that cover it, at any length of recording."""

import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seizure.cache import quantise
from seizure.cache.quantise import FULL_SCALE
from seizure.config import resolve
from seizure.config.schema import Preprocessing
from seizure.errors import ConfigError
from seizure.inference import PreparedWindows, probabilities, triangle, window_starts
from seizure.signal import preprocess_array
from seizure.signal.channels import REFERENTIAL19

SMOKE = Path(__file__).parents[3] / "configs" / "smoke_test.yaml"
RATE_HZ, WINDOW_S = 256, 60
WIDTH = RATE_HZ * WINDOW_S


class Pointwise(torch.nn.Module):
    """The logit of a sample is the first channel's value there."""

    def __init__(self):
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x_BCT):
        return x_BCT[:, 0]


class Ramp(Pointwise):
    """Says where in its window a sample lies: p = place / width."""

    def forward(self, x_BCT):
        p_T = (torch.arange(x_BCT.shape[2]) + 0.5) / x_BCT.shape[2]
        return torch.logit(p_T).expand(x_BCT.shape[0], -1)


def trained(model, channels=2):
    return SimpleNamespace(model=model, config=resolve(SMOKE).config, channels=("a", "b")[:channels])


def quantised(samples, seed=0):
    return np.random.default_rng(seed).integers(-3000, 3000, (2, samples)).astype(np.int16)


@pytest.mark.parametrize("samples", [1, 100, WIDTH - 1, WIDTH, WIDTH + 1, 2 * WIDTH, 100_003])
@pytest.mark.parametrize("stride_s", [60, 30, 7.3])
def test_a_pointwise_model_gives_the_same_stitched_as_at_once(samples, stride_s):
    q_CT = quantised(samples)
    p_T = probabilities(trained(Pointwise()), q_CT, stride_s=stride_s, batch_size=4)
    clip_sigma = Preprocessing().clip_sigma
    expected_T = 1 / (1 + np.exp(-q_CT[0].astype(np.float32) * clip_sigma / FULL_SCALE))
    assert p_T.dtype == np.float32
    np.testing.assert_allclose(p_T, expected_T, rtol=1e-5)


def test_windows_are_averaged_by_their_triangles():
    samples, stride = WIDTH + WIDTH // 2, WIDTH // 2
    p_T = probabilities(trained(Ramp()), quantised(samples), stride_s=30, batch_size=3)
    place = (np.arange(WIDTH) + 0.5) / WIDTH
    weight = triangle(WIDTH).astype(np.float64)
    expected_T, total_T = np.zeros(samples), np.zeros(samples)
    for start in (0, stride):
        expected_T[start : start + WIDTH] += weight * place
        total_T[start : start + WIDTH] += weight
    np.testing.assert_allclose(p_T, expected_T / total_T, rtol=1e-4)
    np.testing.assert_allclose(p_T[:100], place[:100], rtol=1e-3)  # one window only


def test_a_short_recording_is_padded_and_the_padding_left_out():
    p_T = probabilities(trained(Ramp()), quantised(WIDTH // 4), stride_s=30, batch_size=4)
    assert p_T.size == WIDTH // 4
    np.testing.assert_allclose(p_T, (np.arange(WIDTH // 4) + 0.5) / WIDTH, rtol=1e-3)


def test_the_batch_size_changes_nothing():
    q_CT = quantised(5 * WIDTH)
    one, many = (probabilities(trained(Pointwise()), q_CT, stride_s=20, batch_size=size) for size in (1, 32))
    assert np.array_equal(one, many)


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 100))
@settings(max_examples=200)
def test_windows_cover_every_sample_and_end_with_the_recording(n_samples, width, stride):
    starts = list(window_starts(n_samples, width, min(stride, width)))
    covered = np.zeros(max(n_samples, width), bool)
    for start in starts:
        covered[start : start + width] = True
    assert covered[:n_samples].all()
    assert starts == sorted(set(starts))
    assert starts[-1] + width == max(n_samples, width)


def test_windows_that_would_leave_gaps_are_refused():
    with pytest.raises(ConfigError, match="leave samples out"):
        probabilities(trained(Pointwise()), quantised(3 * WIDTH), stride_s=61, batch_size=4)


def test_how_far_it_is_is_announced_in_windows():
    said = []
    q_CT = quantised(4 * WIDTH)
    probabilities(
        trained(Pointwise()),
        q_CT,
        stride_s=60,
        batch_size=3,
        announce=lambda done, of: said.append((done, of)),
    )
    assert said == [(3, 4), (4, 4)]


def test_a_day_takes_two_float32_a_sample_and_a_batch():
    class Silence:
        def window(self, start, length):
            return np.zeros((2, length), np.int16)

    samples = 24 * 3600 * RATE_HZ
    tracemalloc.start()
    p_T = probabilities(trained(Pointwise()), Silence(), stride_s=60, batch_size=8, n_samples=samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert p_T.size == samples
    assert np.all(p_T == 0.5)
    assert peak < 2 * 4 * samples + 20e6


def test_a_prepared_recording_is_quantised_as_in_the_cache():
    settings = Preprocessing()
    x_uv_CT = np.random.default_rng(1).normal(0, 30, (19, 20 * 256)).astype(np.float32)
    x_uv_CT[3, 1000] = 1e5  # clipped
    prepared = preprocess_array(x_uv_CT, REFERENTIAL19, 256, settings)
    q_CT, _, _ = quantise(prepared, settings.clip_sigma)
    windows = PreparedWindows(prepared, settings.clip_sigma)
    assert np.array_equal(windows.window(1000, 2000), q_CT[:, 1000:3000])
    beyond = windows.window(5000, 1000)
    assert np.array_equal(beyond[:, :120], q_CT[:, 5000:])
    assert not beyond[:, 120:].any()
