import numpy as np


def batches(size, settings):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(settings["classes"], settings["features"]))
    for _ in range(settings["batches"]):
        labels = rng.integers(settings["classes"], size=size)
        yield centres[labels] + 0.3 * rng.normal(size=(size, settings["features"])), labels
