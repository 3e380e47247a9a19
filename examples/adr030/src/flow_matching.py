"""Flow matching on straight lines (Lipman et al., 2023): x_t = (1 - t) noise + t data."""

import numpy as np
from dit import TinyDiT, patchify


class FlowMatchingLoss:
    """Mean squared error of the model's velocity, data - noise, at random times; and its gradient."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, model: TinyDiT, data_BHW: np.ndarray) -> tuple[float, np.ndarray]:
        noise_BHW = self.rng.normal(0, 1, data_BHW.shape).astype(np.float32)
        t_B = self.rng.uniform(0, 1, len(data_BHW)).astype(np.float32)
        t_B11 = t_B[:, None, None]
        x_BHW = (1 - t_B11) * noise_BHW + t_B11 * data_BHW
        error_BTF = model.forward(x_BHW, t_B) - patchify(data_BHW - noise_BHW)
        return float(np.mean(error_BTF**2)), model.backward(2 * error_BTF / error_BTF.size)


class EMA:
    """A slowly following copy of the weights: the one to draw samples with."""

    def __init__(self, model: TinyDiT, decay: float = 0.95) -> None:
        self.decay = decay
        self.weights = model.weights.copy()

    def update(self, model: TinyDiT) -> None:
        self.weights += (1 - self.decay) * (model.weights - self.weights)
