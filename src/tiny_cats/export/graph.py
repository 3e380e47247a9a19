"""ONNX graphs of both models. Batches are of any size; the classifier's graph scales its pictures itself.

| model | inputs | output |
|---|---|---|
| classifier | `images` uint8 B3HW, RGB | `logits` float32 BK |
| TinyDiT | `x` float32 B3HW, `t` float32 B in [0, 1], `y` int64 B, K: the null class | `velocity` as `x` |
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import torch
from torch import Tensor, nn

from tiny_cats.model import normalise
from tiny_cats.runtime.folder import Kind

OPSET = 20  # ONNX 1.15 (2023); every ONNX Runtime from 1.17 on reads it
INPUTS = {"classifier": ("images",), "tinydit": ("x", "t", "y")}
OUTPUT = {"classifier": "logits", "tinydit": "velocity"}


class WithScaling(nn.Module):
    """The classifier as it is exported: from bytes to logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits_BK: Tensor = self.model(normalise(images))
        return logits_BK


def write_graph(module: nn.Module, kind: Kind, example: tuple[Tensor, ...], path: Path) -> None:
    """Writes `module` (in evaluation mode) as ONNX, weights inside, checked against ONNX's own rules."""
    import onnx

    batch = torch.export.Dim("batch", min=1, max=4096)
    with _quietly():
        program = torch.onnx.export(
            module,
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(INPUTS[kind]),
            output_names=[OUTPUT[kind]],
            dynamic_shapes=tuple({0: batch} for _ in example),
            verbose=False,
        )
        assert program is not None
        program.save(path, include_initializers=True, external_data=False)
    onnx.checker.check_model(path)


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter speaks of itself: of torchvision, which is not here, and of its own deprecations."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)
