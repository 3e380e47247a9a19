"""The loader of the classifier, in one call: pictures of a folder as batches of float tensors."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tiny_cats import augment
from tiny_cats.config.schema import Data
from tiny_cats.data.batches import Batch, in_order, open_batches
from tiny_cats.data.classes import Labels
from tiny_cats.data.dataset import prepare
from tiny_cats.errors import DataError


def cats_dataloader(
    folder: Path | str,
    split: str = "train",
    *,
    batch_size: int = 32,
    size: int = 128,
    labels: Labels = "folders",
    seed: int = 0,
    start_step: int = 0,
    device: torch.device | str = "cpu",
    cache: Path | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches (x_BCHW float32 in [-1, 1], y_B int64) of the class folders in `folder`.

    `train` is endless, shuffled, cropped and flipped at random, and batch k is a function of `seed` and k;
    `val` and `test` go once through the pictures as they are. Raises DataError.
    """
    if split not in ("train", "val", "test"):
        raise DataError(f"there is no split {split!r}: it is train, val or test")
    folder = Path(folder)
    options = Data(root="", labels=labels, size=size, stored_size=size + size // 8)
    view = getattr(prepare(options, folder, cache=cache), split)
    if split == "train":
        batches = open_batches(view, batch_size=batch_size, seed=seed, start_step=start_step)
        return _augmented(batches, size, seed, start_step, device)
    return (
        (augment.to_float(augment.centre_crop(x.to(device), size)), y.to(device))
        for x, y in in_order(view, batch_size)
    )


def _augmented(
    batches: Iterator[Batch], size: int, seed: int, step: int, device: torch.device | str
) -> Iterator[tuple[Tensor, Tensor]]:
    for x_BCHW, y_B in batches:
        generator = torch.Generator().manual_seed(hash((seed, step)) & (2**63 - 1))
        x_BCHW = augment.random_crop(x_BCHW.to(device), size, generator)
        yield augment.to_float(augment.flip(x_BCHW, generator)), y_B.to(device)
        step += 1
