"""What is exported: a module in evaluation mode, the weights to keep, and inputs to compare it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_cats.errors import CheckpointError, ModelError
from tiny_cats.export.graph import WithScaling
from tiny_cats.export.inputs import random_inputs
from tiny_cats.runtime.folder import Description, Kind, digest
from tiny_cats.runtime.models import refuse_other_kind
from tiny_cats.training.resuming import FORMAT, of_another_model
from training_kit.checkpoint import BEST, Content, read_checkpoint, step_files
from training_kit.files import read_json


@dataclass(frozen=True, slots=True)
class Source:
    """`batches` are inputs by the name of their sort: "random" always, pictures where they are asked for."""

    about: Description
    module: nn.Module  # takes the graph's inputs
    weights: Mapping[str, Tensor]
    batches: Mapping[str, tuple[Tensor, ...]]


def read_source(path: Path, wanted: Kind | None = None) -> Source:
    """The model of a run's best checkpoint, or of the checkpoint at `path`, on the CPU.

    Of TinyDiT the weights' average. Raises CheckpointError where it is missing, damaged or does not fit, and
    ExportError where it is of another kind than `wanted`.
    """
    file = _checkpoint_in(path) if path.is_dir() else path
    content = read_checkpoint(file, FORMAT)
    if wanted:
        refuse_other_kind(file, content["task"], wanted)
    try:
        model = _MODELS[content["task"]](content)
        about = _describe(file, content)
    except (KeyError, TypeError, RuntimeError, ModelError) as error:
        raise of_another_model(file, error) from None
    module = WithScaling(model).eval() if about.kind == "classifier" else model
    return Source(about, module, model.state_dict(), {"random": random_inputs(about)})


def _checkpoint_in(run: Path) -> Path:
    """A run's best checkpoint; of one that was never validated its newest."""
    folder = run / "checkpoints"
    found = [folder / BEST, *step_files(folder)]
    for file in found:
        if file.is_file():
            return file
    raise CheckpointError(f"{run}: no checkpoint in it: name a run's folder, or a checkpoint")


def _classifier(content: Content) -> nn.Module:
    from tiny_cats.model import cats_model

    about = content["about"]
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, and thrown away
        model = cats_model(about["preset"], len(about["classes"]), stem=about["stem"])
    model.load_state_dict(content["model"])
    return model.eval().requires_grad_(False)


def _tinydit(content: Content) -> nn.Module:
    from tiny_cats.training.dit_task import sampler_of

    with torch.random.fork_rng(devices=[]):
        model: nn.Module = sampler_of(content)
    return model


_MODELS = {"classifier": _classifier, "tinydit": _tinydit}


def _describe(file: Path, content: Content) -> Description:
    about, run = content["about"], file.parent.parent
    results = read_json(run / "results.json")
    is_of_these_weights = results.get("step") == content["step"]
    return Description(
        kind=content["task"],
        preset=about["preset"],
        size=about["size"],
        stored_size=about.get("stored_size", about["size"]),
        classes=tuple(about["classes"]),
        step=content["step"],
        temperature=results.get("temperature", 1.0) if is_of_these_weights else 1.0,
        config=read_json(run / "config.json").get("config", {}),
        source=digest(file),
        figures=results if is_of_these_weights else {},
        ended=_ended(read_json(run / "state.json")),
    )


def _ended(state: dict[str, Any]) -> str:
    """How the run ended, in words; "" where nothing is known of it."""
    return ": ".join(part for part in (state.get("state", ""), state.get("error", "")) if part)
