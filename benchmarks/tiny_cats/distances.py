"""How well the distances of evaluation/distances.py rank: real pictures, ever worse ones, noise.

Held-out pictures of DATA against training ones, and against the same spoilt in ways that a person sees.
What is looked for: real pictures are nearest by far, and what is spoilt more is farther. Ratios are to the
floor (real pictures) and to the blurred mean.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from tiny_cats.config.schema import Data
from tiny_cats.data.dataset import prepare
from tiny_cats.evaluation import features
from tiny_cats.evaluation.distances import Distance, distance
from tiny_cats.evaluation.tinydit import Yardstick
from tiny_cats.training.dit_judging import pictures_of


def blurred(x: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    r = torch.arange(-reach, reach + 1).float()
    weight = torch.exp(-(r**2) / (2 * sigma**2))
    weight = (weight / weight.sum()).expand(3, 1, 1, -1)
    x = F.conv2d(F.pad(x.float(), (reach, reach, 0, 0), mode="replicate"), weight, groups=3)
    return _bytes(F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), weight.mT, groups=3))


def noisy(x: Tensor, sigma: float) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return _bytes(x.float() + sigma * torch.randn(x.shape, generator=generator))


def shuffled(x: Tensor, parts: int) -> Tensor:
    """Each picture's blocks, of `parts` a side, in another order."""
    generator = torch.Generator().manual_seed(2)
    rows = [row for strip in x.chunk(parts, dim=2) for row in strip.chunk(parts, dim=3)]
    blocks = torch.stack(rows, dim=1)
    order = torch.argsort(torch.rand(len(x), parts**2, generator=generator), dim=1)
    blocks = torch.gather(blocks, 1, order[:, :, None, None, None].expand_as(blocks))
    strips = [torch.cat(list(blocks[:, k : k + parts].unbind(1)), dim=3) for k in range(0, parts**2, parts)]
    return torch.cat(strips, dim=2)


def mixed_halves(x: Tensor) -> Tensor:
    """Left and right half of different pictures."""
    half = x.shape[-1] // 2
    return torch.cat((x[..., :half], x.roll(1, 0)[..., half:]), dim=3)


SPOILT: dict[str, Callable[[Tensor], Tensor]] = {
    "brighter by 20 of 255": lambda x: _bytes(x.float() + 20),
    "noise of 8 of 255": lambda x: noisy(x, 8),
    "grey": lambda x: _bytes(x.float().mean(1, keepdim=True).expand(-1, 3, -1, -1)),
    "blurred, sigma 1/128 of the side": lambda x: blurred(x, x.shape[-1] / 128),
    "100 pictures, each many times": lambda x: x[torch.arange(len(x)) % 100],
    "halves of different pictures": mixed_halves,
    "quarters shuffled": lambda x: shuffled(x, 2),
    "blurred, sigma 1/64 of the side": lambda x: blurred(x, x.shape[-1] / 64),
    "contrast of 0.7": lambda x: _bytes((x.float() - 128) * 0.7 + 128),
    "20 pictures, each many times": lambda x: x[torch.arange(len(x)) % 20],
    "sixteenths shuffled": lambda x: shuffled(x, 4),
    "noise of 25 of 255": lambda x: noisy(x, 25),
    "blurred, sigma 1/32 of the side": lambda x: blurred(x, x.shape[-1] / 32),
    "blurred, sigma 1/16 of the side": lambda x: blurred(x, x.shape[-1] / 16),
}


def _bytes(x: Tensor) -> Tensor:
    return x.round().clamp(0, 255).to(torch.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="a folder of class folders")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--pictures", type=int, default=500)
    options = parser.parse_args()
    dataset = prepare(Data(root=options.data.name, size=options.size), options.data.parent)
    training = pictures_of((dataset.train,), options.size)
    held_out = pictures_of((dataset.val, dataset.test), options.size)
    started = time.process_time()
    against = Yardstick.of(training, held_out, options.pictures)
    took_s = time.process_time() - started
    real = against.rivals["training pictures"]
    found = dict(against.distances)
    for name, spoil in SPOILT.items():
        found[name] = distance(against.space, features.features(spoil(real)), against.real_ND)
    _print(found, len(against.real), options.size, took_s)


def _print(found: dict[str, Distance], count: int, size: int, took_s: float) -> None:
    floor, mean = found["training pictures"], found["blurred mean"]
    table = Table(title=f"{count} pictures of {size} px; the yardstick took {took_s:.0f} s of CPU time")
    for head in ("of", "Fréchet", "of the floor", "of the blurred mean", "kernel", "of the blurred mean"):
        table.add_column(head, justify="left" if head == "of" else "right")
    for name, one in sorted(found.items(), key=lambda item: item[1].frechet):
        table.add_row(
            name,
            f"{one.frechet:,.0f}",
            f"{one.frechet / floor.frechet:.1f}",
            f"{one.frechet / mean.frechet:.3f}",
            f"{one.kernel:.4f}",
            f"{one.kernel / mean.kernel:.4f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
