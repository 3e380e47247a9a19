"""The solvers give the same with arrays of NumPy as of PyTorch; their orders are in test_flow_matching.py."""

import numpy as np
import pytest
import torch

from tiny_cats.solvers import SOLVERS, integrate

X0 = np.random.default_rng(0).standard_normal((2, 3, 4, 4), np.float32)


@pytest.mark.parametrize("solver", SOLVERS)
def test_arrays_of_either_library_are_taken_the_same_way(solver: str) -> None:
    there = integrate(lambda x, t: t - torch.sin(x), torch.from_numpy(X0), steps=7, solver=solver)
    here = integrate(lambda x, t: t - np.sin(x), X0, steps=7, solver=solver)
    assert here.dtype == np.float32
    assert np.abs(there.numpy() - here).max() < 1e-6


@pytest.mark.parametrize("solver", SOLVERS)
def test_no_velocity_is_asked_for_where_none_is_trained(solver: str) -> None:
    asked = []
    integrate(lambda x, t: asked.append(t) or 0.0, 0.0, steps=5, solver=solver)
    assert asked[0] == 0 and max(asked) < 1
    assert asked == sorted(asked)
