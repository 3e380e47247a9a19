"""What training minimises: binary cross-entropy a sample, over the samples that were really recorded."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def masked_loss(logits_BT: Tensor, y_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    """(sum of the loss over the samples in mask_BT, their number). Padding counts for nothing."""
    each_BT = functional.binary_cross_entropy_with_logits(logits_BT.float(), y_BT.float(), reduction="none")
    return torch.where(mask_BT, each_BT, 0.0).sum(), mask_BT.sum()


def learning_rate_share(step: int, *, warmup_steps: int, steps: int) -> float:
    """Share of the full learning rate at `step` (from 0): linear warm-up, then half a cosine down to 1 %."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    done = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done))
