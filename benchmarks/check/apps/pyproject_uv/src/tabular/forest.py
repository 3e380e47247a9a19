import json

import numpy as np
from tqdm import tqdm

from tabular import ForestConfig


class Forest:
    def __init__(self, config: ForestConfig):
        self.config = config
        self.cuts = np.zeros(config.trees)

    def fit(self):
        rng = np.random.default_rng(self.config.seed)
        x = rng.random(200)
        y = x > 0.4
        for number in tqdm(range(self.config.trees)):
            drawn = rng.integers(200, size=50)
            tried = np.linspace(0, 1, 21)
            self.cuts[number] = tried[np.argmax([((x[drawn] > cut) == y[drawn]).mean() for cut in tried])]
        return float(((x[:, None] > self.cuts).mean(1).round() == y).mean())

    def save(self, path):
        with open(path, "w") as file:
            json.dump(self.cuts.tolist(), file)
