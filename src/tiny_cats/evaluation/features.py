"""Features that distances between sets of pictures are measured in: one fixed network, never trained.

The network's weights are the digits of SHAKE-256 of its name, so that it is the same network on every
machine, needs no download and has seen no picture: whatever it prefers, it was not tuned to this project's
models. Random convolutions keep what a distance needs (edges, textures, colours and where in the picture
they are), and are what Naeem et al. 2020 (arXiv 2002.09797, section 4) find more telling than ImageNet's
features on pictures unlike ImageNet's. A distance in them is never called FID, which is Inception's.

Shapes: B pictures, C channels, H and W their sides, D features.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from math import prod, sqrt

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

NAME = "tiny_cats random convolutions 1"
DIGEST = "b689bde89be791f57ea6b8f6e18ca17e9548aa992d14d153c20ad2e90d7adbee"
"""SHA-256 of the network's weights."""
SIDE = 64  # pictures of any size are brought to this one first
WIDTHS = (24, 32, 48, 64)  # channels of its layers; each but the last is followed by a halving of the sides
KERNEL = 3
BATCH = 100


@torch.no_grad()
def features(pictures_BCHW: Tensor, device: torch.device | str = "cpu") -> Tensor:
    """(B, D) float64 on the CPU, of uint8 RGB pictures of any one size; `device` is where it is computed.

    Of each layer: the means over a grid of the picture, and the deviation over the whole of it. Beside them
    the colours of a coarse picture: cats have little of it, and grey ones would else be as good as real ones.
    """
    parts = torch.split(pictures_BCHW, BATCH)
    return torch.cat([_features(part.to(device)).double().cpu() for part in parts])


def digest() -> str:
    """SHA-256 of the weights, which DIGEST has to be."""
    weights = b"".join(weight.numpy().astype("<f4").tobytes() for weight in _weights())
    return hashlib.sha256(weights).hexdigest()


def _features(pictures_BCHW: Tensor) -> Tensor:
    x = pictures_BCHW.float() / 127.5 - 1
    if x.shape[-2:] != (SIDE, SIDE):
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    found = [*_pooled(x, 4), *_pooled(_colours(F.adaptive_avg_pool2d(x, 8)), 4)]
    for layer, weight in enumerate(_weights()):
        if layer:
            x = F.avg_pool2d(x, 2)
        x = F.conv2d(F.pad(x, (KERNEL // 2,) * 4, mode="reflect"), weight.to(x.device)).relu()
        found += _pooled(x, 2 if layer < 2 else 4)
    return torch.cat(found, dim=1)


def _colours(x_BCHW: Tensor) -> Tensor:
    """Red against green, and yellow against blue: (B, 2, H, W)."""
    red, green, blue = x_BCHW.unbind(1)
    return torch.stack((red - green, (red + green) / 2 - blue), dim=1)


def _pooled(x_BCHW: Tensor, grid: int) -> Iterator[Tensor]:
    yield F.adaptive_avg_pool2d(x_BCHW, grid).flatten(1)
    yield x_BCHW.flatten(2).var(dim=2, unbiased=False).clamp_min(1e-8).sqrt()


@cache
def _weights() -> tuple[Tensor, ...]:
    """Even draws of variance 2 / fan-in (He et al. 2015), without their mean: filters of edges."""
    found, before = [], 3
    for layer, width in enumerate(WIDTHS):
        shape = (width, before, KERNEL, KERNEL)
        raw = hashlib.shake_256(f"{NAME}, layer {layer}".encode()).digest(2 * prod(shape))
        even = (np.frombuffer(raw, "<u2").astype(np.float64) + 0.5) / 65536 - 0.5
        weight = even.reshape(shape) * sqrt(12 * 2 / prod(shape[1:]))
        weight -= weight.mean(axis=(2, 3) if layer == 0 else (1, 2, 3), keepdims=True)
        found.append(torch.from_numpy(weight.astype(np.float32)))
        before = width
    return tuple(found)
