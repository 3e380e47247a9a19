"""int16 and back: the error is what the scale promises, clipping is counted, flat channels are named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seizure.cache.quantise import (
    FULL_SCALE,
    Loss,
    NotFiniteError,
    chunks,
    dequantise,
    quantise,
    robust,
    scales,
)
from tests.seizure.cache.made import noise, prepared

signals = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(1, 300)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(signals, st.floats(1, 100))
@settings(max_examples=200)
def test_error_is_at_most_half_a_step_unless_clipped(x_CT, clip_sigma):
    q_CT, scale_C, loss = quantise(prepared(x_CT), clip_sigma)
    error_CT = np.abs(dequantise(q_CT, scale_C).astype(np.float64) - x_CT)
    clipped_CT = np.abs(x_CT / np.where(scale_C > 0, scale_C, 1)[:, None]) > FULL_SCALE + 0.5
    half_CT = scale_C[:, None] * 0.5 * (1 + 1e-4) + np.abs(x_CT) * 1e-6
    half_CT = half_CT + 1e-3 * x_CT.shape[1] ** 0.5 * (scale_C[:, None] == 0)  # an rms under a nanovolt
    assert (error_CT <= half_CT)[~clipped_CT].all()
    assert loss.clipped <= (np.abs(q_CT) == FULL_SCALE).sum()
    assert np.abs(q_CT.astype(int)).max() <= FULL_SCALE
    assert loss.samples == x_CT.size
    assert loss.rms_error_uv <= loss.max_error_uv * (1 + 1e-5) + 1e-12


def test_losses_are_those_of_the_samples():
    x_CT = noise(20_000)
    x_CT[1, 77] = 1e5
    q_CT, scale_C, loss = quantise(prepared(x_CT), 10)
    error_CT = dequantise(q_CT, scale_C) - x_CT
    assert loss.clipped == 1 and loss.clipped_share == 1 / x_CT.size
    assert loss.max_clipped_uv == pytest.approx(-error_CT[1, 77], rel=1e-5)
    error_CT[1, 77] = 0
    assert loss.max_error_uv == pytest.approx(np.abs(error_CT).max(), rel=1e-4)
    assert loss.rms_error_uv == pytest.approx((error_CT**2).sum() ** 0.5 / (x_CT.size - 1) ** 0.5, rel=1e-3)


def test_robust_units_are_the_same_factor_for_every_channel():
    x_CT = noise(5000) * np.array([[1], [10], [100]], np.float32)
    source = prepared(x_CT)
    q_CT, _, _ = quantise(source, 40)
    x_robust_CT = robust(q_CT, 40)
    assert x_robust_CT.dtype == np.float32
    np.testing.assert_allclose(x_robust_CT, x_CT / source.sigma_uv_C[:, None], atol=40 / FULL_SCALE)


def test_robust_writes_where_it_is_told():
    q_CT = np.array([[1, -2]], np.int16)
    out_CT = np.empty((1, 2), np.float32)
    assert robust(q_CT, FULL_SCALE, out_CT) is out_CT
    assert out_CT.tolist() == [[1, -2]]


def test_a_channel_that_is_flat_most_of_the_time_keeps_its_signal():
    x_CT = np.zeros((2, 10_000), np.float32)
    x_CT[0, :1000] = noise(1000)[0]
    scale_C, flat = scales(prepared(x_CT), 40)
    assert flat == (0, 1)
    assert scale_C[0] > 0 and scale_C[1] == 0
    q_CT, scale_C, _ = quantise(prepared(x_CT), 40)
    assert np.abs(dequantise(q_CT, scale_C) - x_CT).max() <= scale_C[0]
    assert not q_CT[1].any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value):
    x_CT = noise(10_000)
    good = prepared(x_CT)
    good.x_uv_CT[2, 9000] = value
    with pytest.raises(NotFiniteError):
        quantise(good, 40)


def test_chunks_give_the_same_as_the_whole():
    x_CT = noise(5000)
    source = prepared(x_CT)
    q_CT, scale_C, whole = quantise(source, 40)
    loss = Loss()
    parts = [q for _, q in chunks(source, scale_C, 1024, loss)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), q_CT)
    assert loss.max_error_uv == whole.max_error_uv
