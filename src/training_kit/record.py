"""The losses of steps, kept on the device until asked for: reading each would stall a GPU every step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from training_kit.devices import Place, sum_over_ranks
from training_kit.metrics import Line


@dataclass
class Record:
    """Steps since the last `take`: their losses summed over processes, and the norms of their gradients."""

    place: Place
    _steps: list[tuple[int, float, tuple[str, ...]]] = field(default_factory=list)
    _values: list[Tensor] = field(default_factory=list)

    def add(
        self,
        step: int,
        learning_rate: float,
        total: Tensor,
        count: Tensor,
        grad_norm: Tensor,
        more: Mapping[str, Tensor] = {},
    ) -> None:
        """`total`: this process's loss summed over `count` samples. `grad_norm`: the same on all.

        `more`: other figures of the step, which are averaged over processes.
        """
        self._steps.append((step, learning_rate, tuple(more)))
        values = (total, count, grad_norm, *more.values())
        self._values.append(torch.stack([value.detach().float() for value in values]))

    def take(self) -> list[Line]:
        """A line a step: the mean loss over the samples of all processes. Waits for the device."""
        if not self._steps:
            return []
        sizes = [len(values) for values in self._values]
        values = torch.split(sum_over_ranks(torch.cat(self._values).double(), self.place), sizes)
        lines: list[Line] = []
        for (step, rate, names), (total, count, *means) in zip(
            self._steps, (part.tolist() for part in values), strict=True
        ):
            norm, *more = (mean / self.place.world for mean in means)
            line: Line = {"step": step, "loss": total / max(count, 1.0), "lr": rate, "grad_norm": norm}
            lines.append(line | dict(zip(names, more, strict=True)))
        self._steps, self._values = [], []
        return lines


def first_not_finite(lines: list[Line]) -> Line | None:
    """The first step whose loss or gradient is no number any more."""
    bad = (line for line in lines if not (math.isfinite(line["loss"]) and math.isfinite(line["grad_norm"])))
    return next(bad, None)
