"""The numbers that make a model `base` or `tiny`; the code is the same (network.py)."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Preset:
    """Widths, kernels and strides go by encoder stage, first to last."""

    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    decoder_stages: int
    """How many of the stages the decoder undoes; the logits of the rest are interpolated."""
    residual_blocks: int
    residual_kernel: int
    layers: int
    heads: int
    feedforward: int
    dropout: float

    @property
    def stride(self) -> int:
        """Samples a token of the transformer: inputs are a multiple of it long."""
        return prod(self.strides)


PRESETS = {
    # 41.3 M parameters at 19 channels, as SeizureTransformer's 41 M (arXiv 2504.00336). The transformer is
    # its own: 8 layers of width 512 with 4 heads and 2048 hidden units, dropout 0.1. Tokens are 1/8 s apart.
    "base": Preset(
        widths=(32, 64, 128, 256, 512),
        kernels=(11, 9, 7, 7, 5),
        strides=(2, 2, 2, 2, 2),
        decoder_stages=5,
        residual_blocks=9,
        residual_kernel=3,
        layers=8,
        heads=4,
        feedforward=2048,
        dropout=0.1,
    ),
    # For two CPU cores: the first stage goes from 256 Hz to 32 Hz at once, tokens are 1/2 s apart.
    "tiny": Preset(
        widths=(32, 64, 96),
        kernels=(25, 9, 9),
        strides=(8, 4, 4),
        decoder_stages=2,
        residual_blocks=2,
        residual_kernel=3,
        layers=2,
        heads=4,
        feedforward=192,
        dropout=0.1,
    ),
}
