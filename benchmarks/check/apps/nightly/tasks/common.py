import numpy as np


def rows(seed):
    x = np.random.default_rng(seed).normal(size=(64, 3))
    return x, x @ np.array([1.0, -2.0, 0.5])
