import numpy as np


def softmax(scores):
    shares = np.exp(scores - scores.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def cross_entropy(scores, labels):
    return float(-np.log(softmax(scores)[np.arange(len(labels)), labels] + 1e-9).mean())
