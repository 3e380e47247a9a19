"""What the loop asks of a training: everything in which the classifier and TinyDiT differ.

The loop owns the optimiser, its schedule, accumulation, clipping, number formats, checkpoints, resuming,
metrics and signals; a task owns the model, its loss, and what is measured and drawn on the way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

Logs = Mapping[str, Tensor]


class Pictures(Protocol):
    """One step's batch. Slices of it are what the device sees at a time."""

    @property
    def x_BCHW(self) -> Tensor: ...  # uint8, RGB

    @property
    def y_B(self) -> Tensor: ...  # int64


@dataclass(frozen=True, slots=True)
class Part:
    """Some pictures of a batch."""

    x_BCHW: Tensor
    y_B: Tensor


class Task(Protocol):
    """One training. The loop calls what follows in this order, and nothing else."""

    name: str
    """`classifier` or `tinydit`: a checkpoint of the other is refused."""

    @property
    def model(self) -> nn.Module:
        """What is trained, on the device already. The loop may compile it in place."""

    minimised: str
    """The key of `validate`'s answer that decides which step's weights are kept as best.pt."""

    def about(self) -> dict[str, Any]:
        """What using a checkpoint takes beside its weights: preset, size, classes. Plain values only."""

    def data_identity(self) -> str:
        """A digest of the pictures trained on and their order: a run is resumed with the same ones only."""

    def batches(self, first: int) -> Iterator[Pictures]:
        """Batches `first`, `first` + 1, ... without end; batch k is a function of the seed and k alone."""

    def loss(self, x_BCHW: Tensor, y_B: Tensor, generator: torch.Generator, step: int) -> tuple[Tensor, Logs]:
        """The mean loss of a part of a batch, on the device, within autocast; and what else to log of it.

        `generator` is the step's, on the device: with it alone is anything drawn that must be the same after
        resuming (dropout, which draws from the device's own generator, is restored too).
        """

    def after_step(self, step: int) -> None:
        """The weights have changed: where an average of them is kept, it follows."""

    def validate(self) -> dict[str, float]:
        """Figures on validation pictures; draws nothing from generators whose state matters."""

    def sample_pictures(self, step: int, folder: Path) -> None:
        """Writes what shows progress to the eye, if anything, into `folder`."""

    def extra_state(self) -> dict[str, Any]:
        """What the task continues from, beside its model: an average of weights. Tensors and plain values."""

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Puts back what `extra_state` gave."""
