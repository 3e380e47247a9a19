"""Changes to training windows that leave their labels true, drawn from a generator of the step alone.

Which of them help was measured on synthetic recordings only (benchmarks/seizure/smoke.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

MIRROR = {
    "Fp1": "Fp2", "F3": "F4", "C3": "C4", "P3": "P4", "F7": "F8", "T3": "T4", "T5": "T6", "O1": "O2",
    "Fz": "Fz", "Cz": "Cz", "Pz": "Pz",
}  # fmt: skip
MIRROR |= {right: left for left, right in MIRROR.items()}

DROPPED = 0.1  # share of channels that are silenced, in every second window
SCALE_OCTAVES = 0.5  # amplitudes are multiplied by 2 to the power of -0.5 to 0.5


def mirror_order(channels: Sequence[str]) -> list[int] | None:
    """Where each channel's mirror image over the midline stands; None if one of them is missing.

    A channel is an electrode (`Fp1`) or a pair (`Fp1-F7`), whose mirror is `Fp2-F8`.
    """
    places = {name: i for i, name in enumerate(channels)}
    mirrored = ["-".join(MIRROR.get(part, "?") for part in name.split("-")) for name in channels]
    return [places[name] for name in mirrored] if all(name in places for name in mirrored) else None


def augment(x_BCT: Tensor, mirror: list[int] | None, random: torch.Generator) -> Tensor:
    """Flips polarity and sides, scales, silences channels; each window on its own. x_BCT may be changed."""
    windows, channels = x_BCT.shape[:2]
    sign_B = torch.randint(0, 2, (windows,), generator=random) * 2.0 - 1.0
    octaves_B = (torch.rand(windows, generator=random) * 2.0 - 1.0) * SCALE_OCTAVES
    silent_BC = torch.rand(windows, channels, generator=random) < DROPPED
    silent_BC &= torch.rand(windows, 1, generator=random) < 0.5
    flip_B = torch.rand(windows, generator=random) < 0.5
    gain_BC = (sign_B * 2.0**octaves_B)[:, None] * ~silent_BC
    x_BCT *= gain_BC[:, :, None].to(x_BCT.device)
    if mirror is not None:
        flipped = flip_B.nonzero()[:, 0].to(x_BCT.device)
        x_BCT[flipped] = x_BCT[flipped][:, mirror]
    return x_BCT
