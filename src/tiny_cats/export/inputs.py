"""Inputs that PyTorch and ONNX Runtime are compared on: noise, pictures of a folder, drawn pictures."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from tiny_cats.flow_matching import LAST_TIME, interpolate
from tiny_cats.runtime.folder import Description

if TYPE_CHECKING:
    from tiny_cats.export.source import Source

COMPARED = 8  # inputs of each sort


def random_inputs(about: Description) -> tuple[Tensor, ...]:
    """From pictures of noise."""
    generator = torch.Generator().manual_seed(0)
    shape = (COMPARED, 3, about.size, about.size)
    return inputs_from(about, torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))


def with_pictures(source: "Source", folder: Path, say: Callable[[str], None]) -> "Source":
    """`source` with inputs from real pictures of `folder`, or from drawn ones where it holds none."""
    found = _real(source.about, folder)
    if not found:
        say(f"no picture in {folder}: compared on drawn ones")
    name, pictures = ("real", found) if found else ("drawn", _drawn(source.about))
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return replace(source, batches={**source.batches, name: inputs_from(source.about, images)})


def inputs_from(about: Description, images: Tensor) -> tuple[Tensor, ...]:
    """A graph's inputs from pictures, uint8 B3HW: themselves; for TinyDiT points on their paths.

    No later time than training draws: where a model predicts the picture its velocity is a difference
    divided by 1 - t, and so is the rounding.
    """
    if about.kind == "classifier":
        return (images,)
    generator = torch.Generator().manual_seed(1)
    x1 = images.float() / 127.5 - 1
    t_B = torch.linspace(0, LAST_TIME, len(images))
    x_t = interpolate(torch.randn(x1.shape, generator=generator), x1, t_B)
    return x_t, t_B, torch.arange(len(images)) % (len(about.classes) + 1)


def _real(about: Description, folder: Path) -> list[np.ndarray]:
    from tiny_cats.data.decode import PictureError, open_picture
    from tiny_cats.runtime.classify import ENDINGS

    pictures: list[np.ndarray] = []
    files = (file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS)
    for file in islice(files, 4 * COMPARED):
        try:
            pictures.append(open_picture(file, about.size).pixels_HWC)
        except PictureError:
            continue
    return pictures[:COMPARED]


def _drawn(about: Description) -> list[np.ndarray]:
    from tiny_cats.data.synth import COATS, draw

    random = np.random.default_rng(0)
    names = [*COATS, *COATS][:COMPARED]
    return [np.asarray(draw(name, max(32, about.size), random).resize((about.size,) * 2)) for name in names]
