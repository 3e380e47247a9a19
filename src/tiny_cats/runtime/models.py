"""A classifier and a sampler as functions of arrays, whatever computes them; from ONNX Runtime here."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_cats.errors import ExportError, OutOfMemoryError
from tiny_cats.runtime.folder import GRAPH, Description, Kind, checked, read_description

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Classifier:
    """`logits` takes pictures as they are, uint8 B3HW in RGB: scaling is the model's own affair."""

    about: Description
    logits: Callable[[Bytes], Floats]


@dataclass(frozen=True, slots=True)
class Sampler:
    """`velocity(x_B3HW, t_B, y_B)` of the flow from noise at t = 0 to pictures at t = 1."""

    about: Description
    velocity: Callable[[Floats, Floats, Classes], Floats]


def open_classifier(folder: Path) -> Classifier:
    about = _of_kind(folder, "classifier")
    run = _session(folder, about)
    return Classifier(about, lambda images: run({"images": images}))


def open_sampler(folder: Path) -> Sampler:
    about = _of_kind(folder, "tinydit")
    run = _session(folder, about)
    return Sampler(about, lambda x, t, y: run({"x": x, "t": t, "y": y}))


def refuse_other_kind(where: Path, kind: str, wanted: Kind) -> None:
    """Raises ExportError, naming the command that the model is for."""
    if kind != wanted:
        command = {"classifier": "predict", "tinydit": "sample"}
        raise ExportError(
            f"{where}: a {kind}, and this takes a {wanted}"
            + (f": it is for `{command[kind]}`" if kind in command else "")
        )


def _of_kind(folder: Path, kind: Kind) -> Description:
    about = read_description(folder)
    refuse_other_kind(folder, about.kind, kind)
    return about


def _session(folder: Path, about: Description) -> Callable[[dict[str, Any]], Floats]:
    path = checked(folder, about, GRAPH)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions, in our words
    # named, since ONNX Runtime's own count also pins threads to cores that a container may not have
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no class of their own
        raise ExportError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from None

    def run(inputs: dict[str, Any]) -> Floats:
        try:
            (result,) = session.run(None, inputs)
        except Exception as error:
            if "alloc" not in str(error):
                raise
            count = len(next(iter(inputs.values())))
            raise OutOfMemoryError(
                f"out of memory with {count} pictures at a time: take less, --batch-size {max(1, count // 2)}"
            ) from None
        array: Floats = result
        return array

    return run


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
