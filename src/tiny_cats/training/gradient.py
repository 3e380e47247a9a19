"""The gradient of one batch, a part of it at a time."""

import torch
from torch import Tensor

from tiny_cats.training.task import Pictures, Task


def backward(
    task: Task,
    batch: Pictures,
    micro: int,
    generator: torch.Generator,
    step: int,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Adds the gradient of the batch's mean loss; that loss, and what else to log."""
    x_BCHW, y_B = batch.x_BCHW.to(device, non_blocking=True), batch.y_B.to(device, non_blocking=True)
    total, logs = torch.zeros((), device=device), dict[str, Tensor]()
    for x_mCHW, y_m in zip(torch.split(x_BCHW, micro), torch.split(y_B, micro), strict=True):
        share = len(y_m) / len(y_B)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss, more = task.loss(x_mCHW, y_m, generator, step)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        total += loss.detach() * share
        for name, value in more.items():
            logs[name] = logs.get(name, 0.0) + value.detach() * share
    return total, logs
