"""How far ONNX Runtime is from PyTorch, on the exported file itself."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tiny_cats.errors import ExportError

LIMIT = 1e-4  # largest absolute difference of any output


def compare(
    module: nn.Module,
    run: Callable[[tuple[np.ndarray, ...]], np.ndarray],
    batches: Mapping[str, tuple[Tensor, ...]],
) -> dict[str, Any]:
    """The largest differences by the name of the batch ("random", "real"). Raises ExportError above LIMIT."""
    found: dict[str, float] = {}
    for name, inputs in batches.items():
        with torch.inference_mode():
            here = module(*inputs).numpy()
        there = run(tuple(value.numpy() for value in inputs))
        difference = float(np.abs(here - there).max())
        if not difference <= LIMIT:  # also where it is no number
            raise ExportError(
                f"the ONNX graph differs from PyTorch by {difference:.2g} on {name} inputs, and {LIMIT:g} is "
                "allowed: nothing was written; --format safetensors exports the weights alone"
            )
        found[name] = difference
    return {"limit": LIMIT, "largest_difference": found}
