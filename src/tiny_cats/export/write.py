"""One model into one folder: whole and checked, or not there at all."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.torch import save

from tiny_cats.data.folders import whole_folder
from tiny_cats.export.card import card
from tiny_cats.export.graph import OPSET, write_graph
from tiny_cats.export.parity import compare
from tiny_cats.export.source import Source
from tiny_cats.runtime.folder import CARD, DESCRIPTION, GRAPH, WEIGHTS, Description, digest
from tiny_cats.runtime.models import open_classifier, open_sampler

Form = Literal["safetensors", "onnx", "both"]
PACKAGES = ("torch", "onnx", "onnxruntime", "safetensors", "numpy")


def export(source: Source, out: Path, form: Form) -> Description:
    """Writes `out`: weights, graph, description, card. Raises ExportError, DataError, and leaves nothing."""
    about = replace(source.about, versions={package: version(package) for package in PACKAGES})
    with whole_folder(out) as folder:
        return _fill(folder, source, about, form)


def _fill(folder: Path, source: Source, about: Description, form: Form) -> Description:
    names = {"safetensors": [WEIGHTS], "onnx": [GRAPH], "both": [WEIGHTS, GRAPH]}[form]
    if WEIGHTS in names:
        weights = {name: value.detach().contiguous() for name, value in source.weights.items()}
        (folder / WEIGHTS).write_bytes(save(weights, _metadata(about)))
    if GRAPH in names:
        write_graph(source.module, about.kind, source.batches["random"], folder / GRAPH)
        about = replace(about, opset=OPSET)
    about = replace(about, files={name: digest(folder / name) for name in names})
    (folder / DESCRIPTION).write_text(about.text(), encoding="utf-8")
    if GRAPH in names:
        about = replace(about, parity=_parity(folder, source))
        (folder / DESCRIPTION).write_text(about.text(), encoding="utf-8")
    (folder / CARD).write_text(card(about), encoding="utf-8")
    return about


def _parity(folder: Path, source: Source) -> dict[str, object]:
    def run(inputs: tuple[np.ndarray, ...]) -> np.ndarray:
        return model(*inputs)

    is_classifier = source.about.kind == "classifier"
    model = open_classifier(folder).logits if is_classifier else open_sampler(folder).velocity
    return compare(source.module, run, source.batches)


def _metadata(about: Description) -> dict[str, str]:
    """What safetensors keeps beside the weights: text alone."""
    return {"format": "pt", "description": about.text()}
