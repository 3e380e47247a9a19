"""What each choice in TinyDiT is worth: validation loss after equal training, on real pictures or drawn ones.

    .venv/bin/python -m benchmarks.tiny_cats.dit_variants [NAME...] [--pictures FILE.npy] [--steps 1600]

FILE.npy holds uint8 (N, 3, 32, 32). All variants see the same pictures, noise and times, and patch 4, which
takes about four times as long a step as patch 8, trains fewer steps. The loss is the velocity's, of the
average of the weights, on pictures held out, at times from 0.02 to 0.98. "noise" is the energy of samples'
finest details (the difference from a 3x3 mean) over that of real pictures: 1 is right, above it is noise.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiny_cats import sampling
from tiny_cats.dit import Attention, Block, Preset, TinyDiT, count_parameters
from tiny_cats.evaluation.distances import Space, distance
from tiny_cats.evaluation.features import features
from tiny_cats.flow_matching import EMA, LAST_TIME, FlowMatchingLoss, velocity_errors

SPACE: list[Space] = []
Change = Callable[[TinyDiT], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(VARIANTS), metavar="NAME", help=", ".join(VARIANTS))
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    x_NCHW = torch.from_numpy(np.load(given.pictures)) if given.pictures else drawn(2000)
    held_out, rest = x_NCHW[:512], x_NCHW[512:]
    SPACE[:] = [Space.of(features(rest), 256)]
    for name in given.names:
        preset, share, change = VARIANTS[name]
        for seed in range(given.seeds):
            measure(name, preset, change, rest, held_out, int(given.steps * share), given.batch, seed)


def measure(
    name: str, preset: Preset, change: Change, x: Tensor, held_out: Tensor, steps: int, batch: int, seed: int
) -> None:
    torch.manual_seed(seed)
    model = TinyDiT(preset, 1)
    change(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: min(1, (k + 1) / 100) * cosine(k / steps)
    )
    ema, loss_of = EMA(model, 0.995), FlowMatchingLoss()
    random = torch.Generator().manual_seed(seed)
    y = torch.zeros(batch, dtype=torch.int64)
    started = time.process_time()
    for _ in range(steps):
        picked = x[torch.randint(len(x), (batch,), generator=random)]
        loss = loss_of(model, sampling.from_uint8(picked), y, random, null_token=1)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        ema.update(model)
    spent_ms = (time.process_time() - started) / steps * 1000
    val = validation_loss(ema.model, held_out)
    samples = sampling.sample(
        ema.model, torch.zeros(256).long(), steps=25, guidance=1, size=preset.size,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    noise = details(samples) / details(held_out)
    found = distance(SPACE[0], features(samples), features(held_out[:256]))
    print(
        f"{name:20s} seed {seed} {count_parameters(model) / 1e6:5.2f} M {steps:5d} steps "
        f"of {spent_ms:4.0f} ms of a core   loss {val:.4f}   noise {noise:.2f}   "
        f"Fréchet {found.frechet:.1f}, kernel {found.kernel:.3f}",
        flush=True,
    )


@torch.no_grad()
def validation_loss(model: nn.Module, held_out: Tensor) -> float:
    random = torch.Generator().manual_seed(99)
    errors = []
    for part in held_out.split(64):
        x1 = sampling.from_uint8(part)
        t = torch.linspace(0.02, LAST_TIME, len(x1))
        x0 = torch.randn(x1.shape, generator=random)
        errors.append(velocity_errors(model, x0, x1, t, torch.zeros(len(x1)).long()))
    return float(torch.cat(errors).mean())


def details(x: Tensor) -> float:
    x = sampling.from_uint8(x)
    return float((x - functional.avg_pool2d(x, 3, 1, 1))[:, :, 1:-1, 1:-1].square().mean())


def cosine(share: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * share))


def drawn(count: int) -> Tensor:
    """Smooth blobs: pictures where none are given."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 5, 5, generator=random)
    return sampling.to_uint8(functional.interpolate(coarse, 32, mode="bicubic") * 2 - 1)


def same(model: TinyDiT) -> None:
    pass


def with_rms_norm(model: TinyDiT) -> None:
    """RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467) in place of LayerNorm."""
    width = model.preset.width
    for block in model.blocks:
        assert isinstance(block, Block)
        block.norm_attention = nn.RMSNorm(width, elementwise_affine=False)  # type: ignore[assignment]
        block.norm_feedforward = nn.RMSNorm(width, elementwise_affine=False)  # type: ignore[assignment]
    model.norm = nn.RMSNorm(width, elementwise_affine=False)  # type: ignore[assignment]


class SwiGLU(nn.Module):
    """silu(a x) * b x, hidden width cut to as many weights (Shazeer 2020, arXiv 2002.05202)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = round(4 * width * 2 / 3 / 8) * 8
        self.both, self.out = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.both(x).chunk(2, dim=-1)
        y: Tensor = self.out(functional.silu(gate) * value)
        return y


def with_swiglu(model: TinyDiT) -> None:
    for block in model.blocks:
        block.feedforward = SwiGLU(model.preset.width)


def without_rope(model: TinyDiT) -> None:
    """Positions added to the patches alone."""
    for block in model.blocks:
        assert isinstance(block, Block)
        block.attention.rotary = nn.Identity()  # type: ignore[assignment]


def without_added_positions(model: TinyDiT) -> None:
    """RoPE alone."""
    model.position_NW.zero_()


def with_qk_norm(model: TinyDiT) -> None:
    """Queries and keys normalised (Henry et al. 2020, arXiv 2010.04245)."""

    class Normed(Attention):
        def forward(self, x: Tensor) -> Tensor:
            count, tokens, width = x.shape
            q, k, v = self.qkv(x).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            q, k = (self.rotary(functional.rms_norm(part, part.shape[-1:])) for part in (q, k))
            y = functional.scaled_dot_product_attention(q, k, v)
            out: Tensor = self.out(y.transpose(1, 2).reshape(count, tokens, width))
            return out

    for block in model.blocks:
        preset = model.preset
        block.attention = Normed(preset.width, preset.heads, preset.size // preset.patch)


def without_spectrum(model: TinyDiT) -> None:
    """A velocity from the head alone."""
    model.spectrum = None


# as in tinydit_128, a head half as wide as a patch has numbers: 96 of 192
WIDE = Preset(size=32, patch=8, width=96, depth=4, heads=3)
FINE = Preset(size=32, patch=4, width=96, depth=4, heads=3)
WIDE_IMAGE, FINE_IMAGE = replace(WIDE, predicts="image"), replace(FINE, predicts="image")

# name -> (preset, share of the steps, change)
VARIANTS: dict[str, tuple[Preset, float, Change]] = {
    "patch 8": (WIDE, 1.0, same),
    "patch 8 head alone": (WIDE, 1.0, without_spectrum),
    "patch 8 image": (WIDE_IMAGE, 1.0, same),
    "patch 4": (FINE, 0.25, same),
    "patch 4 head alone": (FINE, 0.25, without_spectrum),
    "patch 4 image": (FINE_IMAGE, 0.25, same),
    "rms norm": (FINE, 0.25, with_rms_norm),
    "no rope": (FINE, 0.25, without_rope),
    "rope alone": (FINE, 0.25, without_added_positions),
    "swiglu": (FINE, 0.25, with_swiglu),
    "qk norm": (FINE, 0.25, with_qk_norm),
    "no dropout": (replace(FINE, dropout=0.0), 0.25, same),
}


if __name__ == "__main__":
    main()
