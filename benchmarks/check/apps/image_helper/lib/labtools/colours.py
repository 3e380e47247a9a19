import numpy as np

COLOURS = {"black": 0.0, "grey": 0.5, "white": 1.0}


def nearest_colour(value):
    return min(COLOURS, key=lambda name: np.abs(COLOURS[name] - value))
