import numpy as np


def picture(size=48):
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size]
    truth = (y - 20) ** 2 + (x - 24) ** 2 < 150
    return truth + rng.normal(scale=0.4, size=truth.shape), truth
