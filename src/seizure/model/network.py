"""The network itself: convolutions down, residual blocks, a transformer, convolutions up, with skips.

In the manner of SeizureTransformer (Wu et al., arXiv 2504.00336): a signal of 60 s in, a logit a sample
out. Two things differ: stages shorten the signal by a strided convolution, where pooling followed a
convolution at the full rate (half the work), and large values are compressed first, so that an electrode's
artefact of 40 robust standard deviations does not drown the others.

Shapes: B windows, C electrodes or pairs, T samples, W width of a stage, N tokens.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from seizure.errors import ConfigError
from seizure.model.presets import PRESETS, Preset


def build_model(preset: str, channels: int) -> "SeizureNet":
    """A model with fresh weights, drawn from torch's global generator."""
    if preset not in PRESETS:
        raise ConfigError(f"model.preset: {preset} is none of {', '.join(PRESETS)}")
    return SeizureNet(PRESETS[preset], channels)


class SeizureNet(nn.Module):
    """x_BCT in robust standard deviations, float32 -> logits_BT. T: any multiple of `stride`."""

    def __init__(self, preset: Preset, channels: int) -> None:
        super().__init__()
        widths_in = (channels, *preset.widths[:-1])
        self.stride = preset.stride
        self.down = nn.ModuleList(map(Down, widths_in, preset.widths, preset.kernels, preset.strides))
        width = preset.widths[-1]
        blocks = [
            Residual(width, preset.residual_kernel, preset.dropout) for _ in range(preset.residual_blocks)
        ]
        self.residual = nn.Sequential(*blocks)
        self.transformer = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                preset.heads,
                preset.feedforward,
                preset.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(preset.layers)
        )
        self.norm = nn.LayerNorm(width)
        # the stage that ends at the full rate has no skip: its width is the first stage's
        first = len(preset.widths) - preset.decoder_stages
        widths_up = (preset.widths[0], *preset.widths)
        self.up = nn.ModuleList(
            Up(widths_up[i + 1], widths_up[i], preset.kernels[i], preset.strides[i])
            for i in reversed(range(first, len(preset.widths)))
        )
        self.head = nn.Conv1d(widths_up[first], 1, kernel_size=7, padding=3)
        self.head_stride = math.prod(preset.strides[:first])

    def forward(self, x_BCT: Tensor) -> Tensor:
        x_BWT = compress(x_BCT)
        skips = []
        for down in self.down:
            x_BWT = down(x_BWT)
            skips.append(x_BWT)
        x_BNW = self.residual(skips.pop()).transpose(1, 2)
        x_BNW = x_BNW + positions(x_BNW)
        for layer in self.transformer:
            x_BNW = layer(x_BNW)
        x_BWT = self.norm(x_BNW).transpose(1, 2)
        for up in self.up:
            x_BWT = up(x_BWT, skips.pop() if skips else None)
        logits_B1T = self.head(x_BWT)
        if self.head_stride > 1:
            logits_B1T = functional.interpolate(logits_B1T, scale_factor=self.head_stride, mode="linear")
        logits_BT: Tensor = logits_B1T[:, 0]
        return logits_BT


class Down(nn.Module):
    """One stage of the encoder: (B, W in, T) -> (B, W, T / stride)."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        # padded by what makes the output exactly T / stride long
        self.pad = ((kernel - stride + 1) // 2, (kernel - stride) // 2)
        self.conv = nn.Conv1d(width_in, width, kernel, stride)

    def forward(self, x_BWT: Tensor) -> Tensor:
        return functional.gelu(self.conv(functional.pad(x_BWT, self.pad)))


class Residual(nn.Module):
    """x + conv(conv(x)), normalised first: (B, W, N) -> (B, W, N)."""

    def __init__(self, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(1, width),
            nn.GELU(),
            nn.Conv1d(width, width, kernel, padding=kernel // 2),
            nn.GroupNorm(1, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Conv1d(width, width, kernel, padding=kernel // 2),
        )

    def forward(self, x_BWN: Tensor) -> Tensor:
        y_BWN: Tensor = self.body(x_BWN)
        return x_BWN + y_BWN


class Up(nn.Module):
    """One stage of the decoder: (B, W in, T) -> (B, W, T * stride), plus the encoder's signal there."""

    def __init__(self, width_in: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv1d(width_in, width, kernel, padding=kernel // 2)

    def forward(self, x_BWT: Tensor, skip_BWT: Tensor | None) -> Tensor:
        x_BWT = functional.interpolate(x_BWT, scale_factor=self.stride, mode="nearest")
        x_BWT = functional.gelu(self.conv(x_BWT))
        return x_BWT if skip_BWT is None else x_BWT + skip_BWT


def compress(x: Tensor) -> Tensor:
    """sign(x) log(1 + |x|): linear near zero, logarithmic far away. (asinh takes 16 times as long.)"""
    return torch.copysign(torch.log1p(x.abs()), x)


def positions(x_BNW: Tensor) -> Tensor:
    """Sinusoids of wavelengths 2 pi to 10,000 * 2 pi tokens (Vaswani et al. 2017, 3.5): (N, W)."""
    tokens, width = x_BNW.shape[1:]
    rate_W = torch.exp(torch.arange(0, width, 2, device=x_BNW.device) * (-math.log(10_000) / width))
    angle_NW = torch.arange(tokens, device=x_BNW.device)[:, None] * rate_W
    return torch.stack((angle_NW.sin(), angle_NW.cos()), dim=2).flatten(1).to(x_BNW.dtype)
