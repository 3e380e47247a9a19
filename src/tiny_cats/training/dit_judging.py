"""A run of TinyDiT judged: its best weights measured, results.json and pictures/ written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tiny_cats import augment
from tiny_cats.config.schema import DitConfig
from tiny_cats.data.batches import take
from tiny_cats.data.dataset import Dataset, View
from tiny_cats.errors import CheckpointError, DataError, ModelError
from tiny_cats.evaluation.gates import FEWEST
from tiny_cats.evaluation.tinydit import Judged, Pictures, Say, Subject, Yardstick, judge_tinydit
from tiny_cats.runtime.grid import write_grid
from tiny_cats.sampling import sample
from tiny_cats.training.dit_task import DitTask, sampler_of
from tiny_cats.training.resuming import of_another_model, read_weights
from training_kit import files
from training_kit.metrics import read_metrics

SHOWN = 64  # pictures of a kind that are kept
REPORTED = 0.05  # share of the steps, the last ones, whose losses are averaged: one's is of few times alone


def refuse_unjudgeable(config: DitConfig, dataset: Dataset, device: torch.device) -> None:
    """Raises, before a step is trained, what would keep the run from being judged at its end.

    DataError: too few pictures to judge with. CheckpointError: gates.classifier is not there, or of other
    classes.
    """
    held_out = len(dataset.val) + len(dataset.test)
    count = min(config.gates.pictures, held_out, len(dataset.train))
    needed = FEWEST if config.gates.enforced else 2
    if count < needed:
        raise DataError(
            f"{count} pictures to judge TinyDiT with ({held_out} are held out, gates.pictures is "
            f"{config.gates.pictures}), and its gates take {needed}: raise data.val_share or "
            "data.test_share, or set gates.enforced to false"
        )
    _classifier(config, dataset.classes, device)


def judge_run(
    folder: Path,
    config: DitConfig,
    dataset: Dataset,
    device: torch.device,
    say: Say,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Judged:
    """Judges checkpoints/best.pt on validation and test pictures; writes results.json and pictures/.

    Raises CheckpointError, what `refuse_unjudgeable` does, and KeyboardInterrupt once `is_stopping`: training
    is done by then, and a resumed run comes here at once.
    """

    def begin(words: str) -> None:
        if is_stopping():
            raise KeyboardInterrupt
        say(words)

    path = folder / "checkpoints" / "best.pt"
    content = read_weights(path, DitTask.name)
    if content["about"]["classes"] != list(dataset.classes):
        raise CheckpointError(f"{path}: of other classes than these pictures have: judge it on its own data")
    try:
        average, raw = (sampler_of(content, averaged=which).to(device) for which in (True, False))
    except ModelError as error:
        raise of_another_model(path, error) from None
    refuse_unjudgeable(config, dataset, device)
    held_out = pictures_of((dataset.val, dataset.test), config.data.size)
    training = pictures_of((dataset.train,), config.data.size)
    subject = Subject(
        average=average,
        raw=raw,
        sample=lambda y_B, generator: _sample(average, y_B.to(device), config, generator),
        classes=dataset.classes,
        device=device,
        reported_loss=_reported_loss(folder, content["step"]),
        time_mean=config.flow.time_mean,
        time_deviation=config.flow.time_deviation,
        classify=_classifier(config, dataset.classes, device),
    )
    begin(f"[JUDGE] against {len(held_out)} held-out pictures, and what is easily made of training ones")
    against = Yardstick.of(training, held_out, config.gates.pictures, device)
    judged = judge_tinydit(subject, against, begin)
    _write(folder, judged, content["step"], config, dataset.classes)
    for one in judged.verdicts:
        say(f"[GATE] {one.name} {one.outcome}: {one.seen}; expected {one.expected}")
    return judged


def pictures_of(views: tuple[View, ...], size: int) -> Pictures:
    """All pictures of these splits, their middles."""
    parts = [take(view, np.arange(len(view))) for view in views if len(view)]
    if not parts:
        return Pictures(torch.zeros(0, 3, size, size, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64))
    x_NCHW = torch.cat([augment.centre_crop(part.x_BCHW, size) for part in parts])
    return Pictures(x_NCHW, torch.cat([part.y_B for part in parts]))


def _sample(average: Any, y_B: Tensor, config: DitConfig, generator: torch.Generator) -> Tensor:
    drawing = config.sampling
    return sample(
        average,
        y_B,
        steps=drawing.steps,
        solver=drawing.solver,
        guidance=drawing.guidance,
        size=config.data.size,
        generator=generator,
    )


def _reported_loss(folder: Path, step: int) -> float | None:
    """The mean of training's own loss over the steps that led to the weights which are judged."""
    lines = [line for line in read_metrics(folder / "metrics.jsonl") if line["step"] <= step]
    losses = [float(line["loss"]) for line in lines[-max(1, round(REPORTED * len(lines))) :]]
    return sum(losses) / len(losses) if losses else None


def _classifier(config: DitConfig, classes: tuple[str, ...], device: torch.device) -> Any:
    """The classifier that `gates.classifier` names; None without."""
    path = config.gates.classifier
    return classifier_at(Path(path), classes, device) if path else None


def classifier_at(path: Path, classes: tuple[str, ...], device: torch.device) -> Callable[[Tensor], Tensor]:
    """uint8 pictures -> the classes named, by the classifier in a checkpoint.

    Raises CheckpointError where it is missing, damaged, or knows other classes.
    """
    from tiny_cats.model import normalise
    from tiny_cats.training.classifier_run import load_classifier

    model, about = load_classifier(path, device)
    if tuple(about["about"]["classes"]) != classes:
        raise CheckpointError(f"{path}: gates.classifier knows other classes than these pictures have")
    size = about["about"]["size"]

    @torch.no_grad()
    def classify(x_NCHW: Tensor) -> Tensor:
        parts = [F.interpolate(x.to(device).float(), size, mode="bilinear") for x in torch.split(x_NCHW, 64)]
        return torch.cat([model(normalise(part)).argmax(dim=1).cpu() for part in parts])

    return classify


def _write(folder: Path, judged: Judged, step: int, config: DitConfig, classes: tuple[str, ...]) -> None:
    facts = {"kind": DitTask.name, "step": step, "classes": list(classes)} | judged.facts()
    facts |= {"gates_enforced": config.gates.enforced, "nearness": judged.nearness}
    for name, pictures in judged.pictures.items():
        kept = pictures[:: max(1, len(pictures) // SHOWN)][:SHOWN]
        path = folder / "pictures" / f"{name.replace(' ', '-')}.png"
        write_grid(path, kept.numpy(), {"of": name, "step": step})
    rows = torch.cat(judged.neighbours)
    inside = {"rows": "samples; their nearest training pictures by pixels; by features", "step": step}
    write_grid(folder / "pictures" / "neighbours.png", rows.numpy(), inside, columns=len(rows) // 3)
    files.write_text(folder / "results.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
