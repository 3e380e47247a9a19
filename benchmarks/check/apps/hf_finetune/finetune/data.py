import numpy as np


def load_dataset(path: str):
    text = open(path).read()
    letters = sorted(set(text))
    return np.array([letters.index(letter) for letter in text]), letters
