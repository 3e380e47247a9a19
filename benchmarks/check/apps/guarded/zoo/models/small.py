import numpy as np


class Network:
    width = 6

    def fit(self, x, rank):
        u, s, v = np.linalg.svd(x)
        return float(s[rank:].sum())
