"""The cat classifier: logistic regression on the picture's upper half, where the ears are."""

import numpy as np

POOL = 4  # pixels that are averaged to one, each way


class CatsModel:
    """`step` learns from a batch and returns its loss; `predict` says 1 for a cat."""

    def __init__(self, learning_rate: float) -> None:
        self.weights: np.ndarray | None = None
        self.learning_rate = learning_rate

    def step(self, pictures_BHW: np.ndarray, labels_B: np.ndarray) -> float:
        x_BF = _features(pictures_BHW)
        if self.weights is None:
            self.weights = np.zeros(x_BF.shape[1], np.float32)
        p_B = _sigmoid(x_BF @ self.weights)
        self.weights -= self.learning_rate * x_BF.T @ (p_B - labels_B) / len(labels_B)
        return float(-np.mean(np.log(np.where(labels_B == 1, p_B, 1 - p_B) + 1e-7)))

    def predict(self, pictures_BHW: np.ndarray) -> np.ndarray:
        return (_features(pictures_BHW) @ self.weights > 0).astype(int)


def cats_model(learning_rate: float = 0.05) -> CatsModel:
    return CatsModel(learning_rate)


def _features(pictures_BHW: np.ndarray) -> np.ndarray:
    batch, height, width = pictures_BHW.shape
    pooled_BHW = pictures_BHW.reshape(batch, height // POOL, POOL, width // POOL, POOL).mean(axis=(2, 4))
    upper_BF = pooled_BHW[:, : height // POOL // 2].reshape(batch, -1)
    return np.concatenate([upper_BF, np.ones((batch, 1))], axis=1).astype(np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
