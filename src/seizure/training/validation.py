"""The validation loss: the mean over a fixed set of windows, the same in every run of a corpus."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seizure.cache.windows import WindowSampler
from seizure.training.loss import masked_loss
from training_kit.devices import Place, sum_over_ranks

WINDOWS = 256
SEED = 20_250_401  # of the windows, apart from the run's own seed, so that runs can be compared

Forward = Callable[[Tensor], Tensor]


@torch.no_grad()
def validation_loss(
    model: nn.Module, forward: Forward, windows: WindowSampler, n_batches: int, place: Place
) -> float:
    """Mean loss a sample over batches 0 to `n_batches` - 1, which the processes share; the same on each.

    `forward` takes q_BCT int16 and gives logits_BT.
    """
    was_training = model.training
    model.eval()
    sums = torch.zeros(2, dtype=torch.float64, device=place.device)  # float64: sums of a million terms
    for step in range(place.rank, n_batches, place.world):
        q_BCT, y_BT, mask_BT = (torch.from_numpy(array).to(place.device) for array in windows.batch(step))
        total, count = masked_loss(forward(q_BCT), y_BT, mask_BT)
        sums += torch.stack((total.double(), count.double()))
    model.train(was_training)
    total, count = sum_over_ranks(sums, place).tolist()
    return total / count if count else float("nan")
