"""Augmentation of whole batches, on their device, by the step's generator: pure functions of tensors.

For the classifier. TinyDiT takes `flip` alone: what else is done to pictures would come out of its samples.
"""

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def to_float(x_BCHW: Tensor) -> Tensor:
    """uint8 as float32 in [-1, 1]."""
    return x_BCHW.float().div_(127.5).sub_(1.0)


def flip(x_BCHW: Tensor, generator: Generator) -> Tensor:
    """Half of the pictures as in a mirror."""
    is_flipped_B111 = _uniform(x_BCHW, generator).lt(0.5)[:, None, None, None]
    return torch.where(is_flipped_B111, x_BCHW.flip(3), x_BCHW)


def centre_crop(x_BCHW: Tensor, size: int) -> Tensor:
    """The middle `size` x `size`."""
    top, left = (x_BCHW.shape[2] - size) // 2, (x_BCHW.shape[3] - size) // 2
    return x_BCHW[:, :, top : top + size, left : left + size]


def random_crop(x_BCHW: Tensor, size: int, generator: Generator) -> Tensor:
    """`size` x `size` of each picture, anywhere in it."""
    B, _, H, W = x_BCHW.shape
    if (size, size) == (H, W):
        return x_BCHW
    top_B = (_uniform(x_BCHW, generator) * (H - size + 1)).long()
    left_B = (_uniform(x_BCHW, generator) * (W - size + 1)).long()
    # all windows as a view, of which one a picture is copied: ten times as fast as indices of all pixels
    windows = x_BCHW.unfold(2, size, 1).unfold(3, size, 1)
    return windows[torch.arange(B, device=x_BCHW.device), :, top_B, left_B]


def random_resized_crop(
    x_BCHW: Tensor,
    size: int,
    generator: Generator,
    scale: tuple[float, float] = (0.35, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """A rectangle of each picture, of an area and a shape drawn from these ranges, at `size` x `size`.

    Takes and gives floats. Bilinear: pictures more than twice as large as `size` would alias.
    """
    area_B = scale[0] + (scale[1] - scale[0]) * _uniform(x_BCHW, generator)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape_B = torch.exp(low + (high - low) * _uniform(x_BCHW, generator))
    width_B = (area_B * shape_B).sqrt().clamp(max=1)  # shares of the picture's sides
    height_B = (area_B / shape_B).sqrt().clamp(max=1)
    x_B = (2 * _uniform(x_BCHW, generator) - 1) * (1 - width_B)
    y_B = (2 * _uniform(x_BCHW, generator) - 1) * (1 - height_B)
    zero_B = torch.zeros_like(x_B)
    rows = torch.stack([width_B, zero_B, x_B, zero_B, height_B, y_B], 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, [len(x_BCHW), x_BCHW.shape[1], size, size], align_corners=False)
    return F.grid_sample(x_BCHW, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def jitter(x_BCHW: Tensor, strength: float, generator: Generator) -> Tensor:
    """Brightness, contrast and saturation of each picture changed by up to `strength`; floats in [-1, 1]."""
    light_B, contrast_B, colour_B = (
        (1 + strength * (2 * _uniform(x_BCHW, generator) - 1))[:, None, None, None] for _ in range(3)
    )
    x_BCHW = (x_BCHW + 1) * light_B - 1
    mean_B111 = x_BCHW.mean((1, 2, 3), keepdim=True)
    x_BCHW = mean_B111 + (x_BCHW - mean_B111) * contrast_B
    grey_B1HW = x_BCHW.mean(1, keepdim=True)
    return (grey_B1HW + (x_BCHW - grey_B1HW) * colour_B).clamp(-1, 1)


def cutout(x_BCHW: Tensor, share: float, generator: Generator) -> Tensor:
    """A square of `share` of each side greyed out, its middle anywhere (DeVries and Taylor 2017); floats."""
    H, W = x_BCHW.shape[2:]
    rows_H, columns_W = torch.arange(H, device=x_BCHW.device), torch.arange(W, device=x_BCHW.device)
    y_B, x_B = _uniform(x_BCHW, generator) * H, _uniform(x_BCHW, generator) * W
    is_out_BH = (rows_H + 0.5 - y_B[:, None]).abs() < share * H / 2
    is_out_BW = (columns_W + 0.5 - x_B[:, None]).abs() < share * W / 2
    return x_BCHW.masked_fill((is_out_BH[:, :, None] & is_out_BW[:, None, :])[:, None], 0.0)


def mix(x_BCHW: Tensor, y_BK: Tensor, most: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Pictures and targets with up to `most` of the batch's next one blended in (Zhang et al. 2018)."""
    share_B = most * _uniform(x_BCHW, generator)
    x_BCHW = torch.lerp(x_BCHW, x_BCHW.roll(1, 0), share_B[:, None, None, None])
    return x_BCHW, torch.lerp(y_BK, y_BK.roll(1, 0), share_B[:, None])


def _uniform(x_BCHW: Tensor, generator: Generator) -> Tensor:
    """(B,) of [0, 1), drawn where the generator lives."""
    drawn_B = torch.rand(len(x_BCHW), generator=generator, device=generator.device)
    return drawn_B.to(x_BCHW.device)
