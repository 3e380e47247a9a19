"""Batches of a split. Batch k is a function of the seed and k alone, so a resumed run replays nothing."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tiny_cats.data.dataset import View
from tiny_cats.errors import DataError


class Batch(NamedTuple):
    x_BCHW: torch.Tensor  # uint8, RGB
    y_B: torch.Tensor  # int64


def open_batches(
    view: View, *, batch_size: int, seed: int, start_step: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Batch]:
    """Endless batches from step `start_step` on. Each epoch has every picture once, in an order of its own.

    `batch_size` is one rank's; the ranks' batches of a step hold different pictures. Raises DataError.
    """
    if not len(view):
        raise DataError("there are no pictures to train on: lower data.val_share and data.test_share")
    step = start_step
    while True:
        yield take(view, drawn(len(view), batch_size, seed, step, rank, world))
        step += 1


def in_order(view: View, batch_size: int) -> Iterator[Batch]:
    """Every picture once, in the view's order; the last batch may be smaller."""
    for start in range(0, len(view), batch_size):
        yield take(view, np.arange(start, min(start + batch_size, len(view))))


def take(view: View, places_B: NDArray[np.int64]) -> Batch:
    """The pictures at these places of the view."""
    return Batch(torch.from_numpy(view.planes(places_B)), torch.from_numpy(view.labels_N[places_B]))


def drawn(n: int, batch_size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> NDArray[np.int64]:
    """Places of step `step`'s pictures among n: the next of an endless row of shuffled epochs."""
    first = (step * world + rank) * batch_size
    at = np.arange(first, first + batch_size)
    places = np.empty(batch_size, np.int64)
    for epoch in range(int(at[0]) // n, int(at[-1]) // n + 1):
        of_epoch = at // n == epoch
        places[of_epoch] = _shuffled(n, seed, epoch)[at[of_epoch] % n]
    return places


def _shuffled(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed & (2**64 - 1), epoch)).permutation(n)
