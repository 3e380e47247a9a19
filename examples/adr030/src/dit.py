"""TinyDiT's smallest relative: one linear map for all patches of a 128-pixel picture.

It sees a patch, the patch's position and the time, and answers the patch's velocity.
"""

import numpy as np

PATCH = 16


class TinyDiT:
    """Velocity of noisy pictures; `backward` gives the gradient of the weights."""

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.tokens = (size // PATCH) ** 2
        self.positions_TP = rng.normal(0, 1, (self.tokens, 16)).astype(np.float32)
        self.weights = np.zeros((PATCH * PATCH + 16 + 2, PATCH * PATCH), np.float32)
        self._inputs_BTF: np.ndarray | None = None

    def forward(self, x_BHW: np.ndarray, t_B: np.ndarray) -> np.ndarray:
        """Velocities as patches (batch, token, patch pixel)."""
        batch = len(x_BHW)
        t_BT1 = np.broadcast_to(t_B[:, None, None], (batch, self.tokens, 1))
        positions_BTP = np.broadcast_to(self.positions_TP, (batch, *self.positions_TP.shape))
        self._inputs_BTF = np.concatenate(
            [patchify(x_BHW), positions_BTP, t_BT1, np.ones_like(t_BT1)], axis=2, dtype=np.float32
        )
        return self._inputs_BTF @ self.weights

    def backward(self, gradient_BTF: np.ndarray) -> np.ndarray:
        assert self._inputs_BTF is not None, "forward comes first"
        return np.einsum("btf,btg->fg", self._inputs_BTF, gradient_BTF)


def tinydit_128(seed: int = 0) -> TinyDiT:
    return TinyDiT(128, np.random.default_rng(seed))


def count_parameters(model: TinyDiT) -> int:
    return int(model.weights.size)


def patchify(x_BHW: np.ndarray) -> np.ndarray:
    """(batch, height, width) to (batch, token, patch pixel)."""
    batch, height, width = x_BHW.shape
    grid = x_BHW.reshape(batch, height // PATCH, PATCH, width // PATCH, PATCH)
    return grid.transpose(0, 1, 3, 2, 4).reshape(batch, -1, PATCH * PATCH)
