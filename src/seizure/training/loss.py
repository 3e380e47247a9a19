"""What training minimises: binary cross-entropy a sample, over the samples that were really recorded."""

import torch
from torch import Tensor
from torch.nn import functional


def masked_loss(logits_BT: Tensor, y_BT: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    """(sum of the loss over the samples in mask_BT, their number). Padding counts for nothing."""
    each_BT = functional.binary_cross_entropy_with_logits(logits_BT.float(), y_BT.float(), reduction="none")
    return torch.where(mask_BT, each_BT, 0.0).sum(), mask_BT.sum()
