import numpy as np
from tqdm import trange

from tasks.common import rows


def load(path):
    with np.load(path) as saved:
        return saved["weights"]


def train(settings, out, start=None):
    x, y = rows(0)
    weights = np.zeros(3) if start is None else start
    for _ in trange(settings["rounds"]):
        weights = weights - settings["rate"] * x.T @ (x @ weights - y) / len(x)
    np.savez(out, weights=weights)
    return float(((x @ weights - y) ** 2).mean())
