"""TinyDiT, the network that draws cats: a transformer over a picture's patches, told the time and the class.

After DiT (Peebles and Xie 2023, arXiv 2212.09748): adaLN-zero blocks over patches. A linear head of width W
spans only W of a patch's P numbers, and a velocity holds the noise of all P: from the head alone, samples
keep (P - W) / P of it. So each frequency of the noisy patch goes to the output on a way of its own
(`Spectrum`), and the head adds what is not linear, which lies near the few directions that pictures have. The
other way out, `predicts="image"`: the head gives the picture, and the velocity follows from it (Li and He
2025, arXiv 2511.13720). docs/cats.md has what each reached.

The path from noise to pictures is flow_matching.py's.

Shapes: B pictures, C colours (3), H = W their sides; N patches (tokens), P numbers of a patch, W width.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiny_cats.errors import ModelError
from tiny_cats.flow_matching import LAST_TIME, velocity_to

COLOURS = 3
TIME_SCALE = 1000.0
"""Times in [0, 1] are spread to [0, 1000] before the sines, whose wavelengths start at 2 pi (DiT's range)."""
TIME_FREQUENCIES = 256
ROTARY_BASE = 100.0
"""Fastest over slowest turn, nearly: pictures have few rows (Heo et al. 2024, see Rotary)."""
NETWORK = 2
"""Which network weights are of, where names and shapes do not tell: 1 had positions added to patches alone,
2 turns queries and keys by them, too. A checkpoint of another number is refused."""


@dataclass(frozen=True, slots=True)
class Preset:
    """The numbers that make a TinyDiT. Sides in pixels; `predicts`: what the head gives."""

    size: int
    patch: int
    width: int
    depth: int
    heads: int
    dropout: float = 0.05
    predicts: Literal["velocity", "image"] = "velocity"


PRESETS = {
    # DiT-S (width 384, depth 12, 6 heads: table 1 of DiT): 32.9 M parameters at 13 classes, 64 tokens
    "tinydit_128": Preset(size=128, patch=16, width=384, depth=12, heads=6),
    # the same number of tokens at a quarter of the work
    "tinydit_64": Preset(size=64, patch=8, width=256, depth=8, heads=4),
    # for two CPU cores, and runs too short to learn pictures by heart: 1.9 M parameters, no dropout
    "tinydit_32": Preset(size=32, patch=4, width=128, depth=6, heads=4, dropout=0.0),
}


def tinydit_128(num_classes: int = 13) -> "TinyDiT":
    """128 px, patch 16, about 33 M parameters; fresh weights from torch's global generator."""
    return TinyDiT(PRESETS["tinydit_128"], num_classes)


def tinydit_64(num_classes: int = 13) -> "TinyDiT":
    """64 px, patch 8, about 10 M parameters."""
    return TinyDiT(PRESETS["tinydit_64"], num_classes)


def tinydit_32(num_classes: int = 13) -> "TinyDiT":
    """32 px, patch 4, for CPUs."""
    return TinyDiT(PRESETS["tinydit_32"], num_classes)


def build_model(preset: str, num_classes: int) -> "TinyDiT":
    """The preset of this name, with fresh weights. Raises ModelError where there is none."""
    if preset not in PRESETS:
        raise ModelError(f"model.preset: {preset} is none of {', '.join(PRESETS)}")
    return TinyDiT(PRESETS[preset], num_classes)


def count_parameters(model: nn.Module) -> int:
    """Numbers that training changes."""
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


class TinyDiT(nn.Module):
    """(x_BCHW in [-1, 1] at the ends of the path, t_B in [0, 1], y_B int64) -> velocity_BCHW.

    y = `null_token` (= num_classes) says no class. Fresh, head and spectrum give zero, and every block passes
    its input on.
    """

    def __init__(self, preset: Preset, num_classes: int) -> None:
        super().__init__()
        assert preset.size % preset.patch == 0, "patches fill the picture"
        self.preset, self.size, self.num_classes = preset, preset.size, num_classes
        self.null_token = num_classes
        width, numbers = preset.width, COLOURS * preset.patch**2
        self.patches = nn.Linear(numbers, width)
        grid = preset.size // preset.patch
        self.position_NW: Tensor
        self.register_buffer("position_NW", positions(grid, width), persistent=False)
        self.time = nn.Sequential(nn.Linear(TIME_FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.classes = nn.Embedding(num_classes + 1, width)
        self.blocks = nn.ModuleList(
            Block(width, preset.heads, grid, preset.dropout) for _ in range(preset.depth)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.head = nn.Linear(width, numbers)
        self.spectrum = Spectrum(preset.patch, width) if preset.predicts == "velocity" else None
        self._initialise()

    def forward(self, x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor:
        predicted_BCHW = self._predict(x_BCHW, t_B, y_B)
        if self.preset.predicts == "velocity":
            return predicted_BCHW
        return velocity_to(predicted_BCHW, x_BCHW, t_B)

    def _predict(self, x_BCHW: Tensor, t_B: Tensor, y_B: Tensor) -> Tensor:
        patch = self.preset.patch
        # training draws no time beyond LAST_TIME: later ones are answered as that one
        c_BW = self.time(sines(t_B.clamp(max=LAST_TIME))) + self.classes(y_B)
        x_BNP = patchify(x_BCHW, patch)
        x_BNW = self.patches(x_BNP) + self.position_NW
        for block in self.blocks:
            x_BNW = block(x_BNW, c_BW)
        shift_B1W, scale_B1W = self.modulation(c_BW)[:, None].chunk(2, dim=2)
        out_BNP = self.head(modulate(self.norm(x_BNW), shift_B1W, scale_B1W))
        if self.spectrum is not None:
            out_BNP = out_BNP + self.spectrum(x_BNP, c_BW)
        return unpatchify(out_BNP.float(), patch)

    def _initialise(self) -> None:
        """DiT's start: Xavier for matrices, small embeddings, zero for what modulates and for the head."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.classes.weight, std=0.02)
        for layer in (self.time[0], self.time[2]):
            assert isinstance(layer, nn.Linear)
            nn.init.normal_(layer.weight, std=0.02)
        modulations = [
            module.modulation[1] for module in self.modules() if isinstance(module, Block | TinyDiT)
        ]
        gains = [self.spectrum.gain[1]] if self.spectrum is not None else []
        for zero in (*modulations, *gains, self.head):
            assert isinstance(zero, nn.Linear)
            nn.init.zeros_(zero.weight)


class Block(nn.Module):
    """adaLN-zero (DiT, 3.2): attention, then two layers on each token; the class and time c_BW set for each
    how its input is shifted and scaled, and how much of its output counts (nothing, at first).
    """

    def __init__(self, width: int, heads: int, grid: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.attention = Attention(width, heads, grid)
        self.norm_feedforward = nn.LayerNorm(width, elementwise_affine=False)
        self.feedforward = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x_BNW: Tensor, c_BW: Tensor) -> Tensor:
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = self.modulation(c_BW)[:, None].chunk(6, dim=2)
        y_BNW = self.attention(modulate(self.norm_attention(x_BNW), shift_a, scale_a))
        x_BNW = torch.addcmul(x_BNW, gate_a, self.dropout(y_BNW))
        y_BNW = self.feedforward(modulate(self.norm_feedforward(x_BNW), shift_f, scale_f))
        return torch.addcmul(x_BNW, gate_f, self.dropout(y_BNW))


class Spectrum(nn.Module):
    """The linear part of a velocity: every frequency of a patch times a gain that the time and class set."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.basis_PP: Tensor
        self.register_buffer("basis_PP", frequencies(patch), persistent=False)
        self.gain = nn.Sequential(nn.SiLU(), nn.Linear(width, COLOURS * patch**2))

    def forward(self, x_BNP: Tensor, c_BW: Tensor) -> Tensor:
        gain_B1P = self.gain(c_BW)[:, None]
        y_BNP: Tensor = (x_BNP @ self.basis_PP * gain_B1P) @ self.basis_PP.T
        return y_BNP


def frequencies(patch: int) -> Tensor:
    """An orthonormal basis of a patch's numbers, in columns: (P, P).

    Cosines of rows and columns (DCT-II: Ahmed, Natarajan and Rao 1974), of brightness and of two colours.
    """
    k, n = torch.arange(patch)[:, None], torch.arange(patch)[None]
    cosines = torch.cos(math.pi / patch * (n + 0.5) * k) * math.sqrt(2 / patch)
    cosines[0] /= math.sqrt(2)
    colours = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
    colours /= colours.norm(dim=1, keepdim=True)
    return torch.kron(colours, torch.kron(cosines, cosines)).T.contiguous()


class Attention(nn.Module):
    """Each token of a grid x grid picture looks at all: x_BNW -> x_BNW.

    How much it looks at which follows from what both hold and from where they lie to each other (`Rotary`).
    """

    def __init__(self, width: int, heads: int, grid: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.rotary = Rotary(grid, width // heads)
        self.out = nn.Linear(width, width)

    def forward(self, x_BNW: Tensor) -> Tensor:
        count, tokens, width = x_BNW.shape
        heads_first = (2, 0, 3, 1, 4)  # (3, B, heads, N, W / heads)
        qkv = self.qkv(x_BNW).view(count, tokens, 3, self.heads, -1).permute(heads_first)
        q, k = self.rotary(qkv[:2])
        y_BHNW = functional.scaled_dot_product_attention(q, k, qkv[2])
        y_BNW: Tensor = self.out(y_BHNW.transpose(1, 2).reshape(count, tokens, width))
        return y_BNW


class Rotary(nn.Module):
    """Queries and keys turned by their patch's row and column: (..., N, D) -> (..., N, D).

    Number j and number j + D/2 of a head are a point (a, b) of a plane, turned by an angle p r_j:

        a' = a cos(p r_j) - b sin(p r_j),   b' = b cos(p r_j) + a sin(p r_j)

    p is the patch's row for the first half of the planes, its column for the others. A query's product with
    a key then depends on p only by the distance between them (RoFormer: Su et al. 2021, arXiv 2104.09864,
    equation 34; by two axes, with r_j = 100^(-4j / D): Heo et al. 2024, arXiv 2403.13298, 3.2).
    """

    def __init__(self, grid: int, width: int) -> None:
        super().__init__()
        assert width % 4 == 0, "planes, half of them for rows"
        planes = width // 4
        rate = ROTARY_BASE ** (-torch.arange(planes) / planes)
        row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
        angle_NP = torch.cat([place.flatten()[:, None] * rate for place in (row, column)], dim=1)
        self.cos_ND: Tensor
        self.sin_ND: Tensor
        self.register_buffer("cos_ND", angle_NP.cos().repeat(1, 2), persistent=False)
        self.register_buffer("sin_ND", torch.cat((-angle_NP.sin(), angle_NP.sin()), dim=1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        return torch.addcmul(x * self.cos_ND, torch.cat((b, a), dim=-1), self.sin_ND).type_as(x)


def modulate(x_BNW: Tensor, shift_B1W: Tensor, scale_B1W: Tensor) -> Tensor:
    """x (1 + scale) + shift, in one pass over x."""
    return torch.addcmul(shift_B1W, x_BNW, 1 + scale_B1W)


def patchify(x_BCHW: Tensor, patch: int) -> Tensor:
    """Cuts pictures into squares, row by row: (B, C, H, W) -> (B, N, C patch patch)."""
    count, colours, side, _ = x_BCHW.shape
    grid = side // patch
    cut = x_BCHW.reshape(count, colours, grid, patch, grid, patch)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(count, grid**2, colours * patch**2)


def unpatchify(x_BNP: Tensor, patch: int) -> Tensor:
    """patchify's inverse: token n fills patch n and nothing else."""
    count, tokens, _ = x_BNP.shape
    grid = math.isqrt(tokens)
    cut = x_BNP.reshape(count, grid, grid, COLOURS, patch, patch)
    return cut.permute(0, 3, 1, 4, 2, 5).reshape(count, COLOURS, grid * patch, grid * patch)


def positions(grid: int, width: int) -> Tensor:
    """Where each patch of a grid x grid picture is: (N, W); half of W says the row, half the column.

    Sines and cosines of wavelengths 2 pi to 10,000 * 2 pi patches (Vaswani et al. 2017, 3.5), in two
    dimensions as in MAE (He et al. 2021) and DiT.
    """
    row, column = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    halves = [_sines_of(place.flatten().float(), width // 2) for place in (row, column)]
    return torch.cat(halves, dim=1)


def sines(t_B: Tensor) -> Tensor:
    """Times in [0, 1] as sines and cosines of TIME_SCALE t: (B, TIME_FREQUENCIES)."""
    return _sines_of(t_B.float() * TIME_SCALE, TIME_FREQUENCIES)


def _sines_of(value_B: Tensor, width: int) -> Tensor:
    half = width // 2
    rate = torch.exp(torch.arange(half, device=value_B.device) * (-math.log(10_000) / half))
    angle = value_B[:, None] * rate
    return torch.cat((angle.cos(), angle.sin()), dim=1)
