import numpy as np


class Factors:
    def __init__(self, rng, shape, width):
        self.users = rng.normal(scale=0.1, size=(shape[0], width))
        self.items = rng.normal(scale=0.1, size=(width, shape[1]))

    def step(self, ratings, rate):
        error = self.users @ self.items - ratings
        self.users, self.items = (
            self.users - rate * error @ self.items.T,
            self.items - rate * self.users.T @ error,
        )
        return float(np.sqrt((error**2).mean()))
