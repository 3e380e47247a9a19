"""Grey pictures of cats (pointed ears) and other animals (round ears), drawn as they are asked for."""

from collections.abc import Iterator

import numpy as np

SIZE = 128  # pixels a side


def cats_dataloader(
    batches: int, batch_size: int = 16, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pictures (batch, height, width) between -1 and 1, and labels (batch,): 1 for a cat."""
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        labels_B = rng.integers(0, 2, batch_size)
        yield np.stack([draw(bool(label), rng) for label in labels_B]), labels_B


def draw(is_cat: bool, rng: np.random.Generator) -> np.ndarray:
    """A head with two ears, a little moved, a little noisy."""
    y_HW, x_HW = np.mgrid[0:SIZE, 0:SIZE]
    y_HW = y_HW - SIZE * 0.6 - rng.uniform(-6, 6)
    x_HW = x_HW - SIZE * 0.5 - rng.uniform(-6, 6)
    radius = SIZE * rng.uniform(0.24, 0.28)
    ink_HW = x_HW**2 + y_HW**2 < radius**2
    for side in (-1, 1):
        across_HW = np.abs(x_HW - side * radius * 0.7)
        up_HW = -y_HW - radius * 0.6
        if is_cat:
            ink_HW |= (up_HW > 0) & (across_HW < radius * 0.45 - up_HW * 0.45)
        else:
            ink_HW |= across_HW**2 + (up_HW - radius * 0.2) ** 2 < (radius * 0.35) ** 2
    return np.where(ink_HW, 0.8, -0.8).astype(np.float32) + rng.normal(0, 0.1, (SIZE, SIZE)).astype(
        np.float32
    )
