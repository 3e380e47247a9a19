"""The losses of steps, kept on the device until asked for: reading each would stall a GPU every step."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from training_kit.devices import Place, sum_over_ranks
from training_kit.metrics import Line


@dataclass
class Record:
    """Steps since the last `take`: their losses summed over processes, and the norms of their gradients."""

    place: Place
    _steps: list[tuple[int, float]] = field(default_factory=list)
    _values: list[Tensor] = field(default_factory=list)

    def add(self, step: int, learning_rate: float, total: Tensor, count: Tensor, grad_norm: Tensor) -> None:
        """`total`: this process's loss summed over `count` samples. `grad_norm`: the same on all."""
        self._steps.append((step, learning_rate))
        self._values.append(torch.stack((total.detach().float(), count.float(), grad_norm.detach().float())))

    def take(self) -> list[Line]:
        """A line a step: the mean loss over the samples of all processes. Waits for the device."""
        if not self._steps:
            return []
        values = sum_over_ranks(torch.stack(self._values).double(), self.place).tolist()
        lines = [
            {"step": step, "loss": total / max(count, 1.0), "lr": rate, "grad_norm": norm / self.place.world}
            for (step, rate), (total, count, norm) in zip(self._steps, values, strict=True)
        ]
        self._steps, self._values = [], []
        return lines


def first_not_finite(lines: list[Line]) -> Line | None:
    """The first step whose loss or gradient is no number any more."""
    bad = (line for line in lines if not (math.isfinite(line["loss"]) and math.isfinite(line["grad_norm"])))
    return next(bad, None)
