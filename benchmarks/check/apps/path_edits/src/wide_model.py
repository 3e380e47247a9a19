import numpy as np

from losses import cross_entropy, softmax


class WideClassifier:
    def __init__(self, features, classes, width=32):
        self.basis = np.random.default_rng(1).normal(size=(features, width))
        self.weights = np.zeros((width, classes))

    def step(self, x, y, rate):
        hidden = np.tanh(x @ self.basis)
        scores = hidden @ self.weights
        slope = softmax(scores)
        slope[np.arange(len(y)), y] -= 1
        self.weights -= rate * hidden.T @ slope / len(y)
        return cross_entropy(scores, y)

    def save(self, path):
        np.savez(path, basis=self.basis, weights=self.weights)
