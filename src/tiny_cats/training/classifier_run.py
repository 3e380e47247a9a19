"""A run of the classifier, from top to bottom: pictures, training, judgement, report, gate."""

import json
from pathlib import Path
from typing import Any

import torch

from tiny_cats.config.schema import ClassifierConfig
from tiny_cats.data.dataset import Dataset
from tiny_cats.errors import CheckpointError
from tiny_cats.evaluation.gates import insist
from tiny_cats.evaluation.judging import Judgement, judge
from tiny_cats.model import ResNet, cats_model, import_timm
from tiny_cats.run import Run
from tiny_cats.training.classifier_task import NAME, ClassifierTask, identity_of
from tiny_cats.training.loop import Say, train_run
from tiny_cats.training.pictures import note_pictures, ready_pictures
from tiny_cats.training.places import this_place
from tiny_cats.training.resuming import read_weights
from training_kit import files
from training_kit.randomness import seed_all


def train_classifier(run: Run[ClassifierConfig]) -> None:
    """Raises GateError where what was trained is no better than guessing; CatsError for all else."""
    config, say = run.config, run.say
    if config.model.weights == "imagenet":
        import_timm()  # before pictures are decoded for an hour
    dataset = ready_pictures(config.data, run.data_dir, say, run.is_stopping, run.results_dir)
    note_pictures(run.folder, dataset)

    place = this_place()
    seed_all(config.training.seed, place.rank)
    task = ClassifierTask(config, dataset, place.device)
    result = train_run(run, task, place)

    is_whole = result.steps >= config.training.steps
    judgement = evaluate_run(run.folder, config, dataset, place.device, say)
    if not is_whole:
        say(f"[GATE] not held to it: {result.steps} of {config.training.steps} steps (go on with --resume)")
    else:
        insist([judgement.verdict])


def evaluate_run(
    folder: Path, config: ClassifierConfig, dataset: Dataset, device: torch.device, say: Say
) -> Judgement:
    """Judges the run's best checkpoint on test pictures (on validation ones, where there are none).

    Writes results.json and pictures/*.png into the run's folder.
    """
    best = folder / "checkpoints" / "best.pt"
    model, content = load_classifier(best, device)
    if content["about"]["classes"] != list(dataset.classes):
        raise CheckpointError(
            f"{best}: of other classes than these pictures have: evaluate it on its own data"
        )
    splits = ("val", "test") if len(dataset.test) else ("val",)
    found = {split: judge(model, dataset, split, content["about"]["size"], device) for split in splits}
    judgement, pictures = found[splits[-1]]
    (folder / "pictures").mkdir(exist_ok=True)
    for name, png in pictures.items():
        files.write_bytes(folder / "pictures" / f"{name}.png", png)
    results: dict[str, Any] = {
        "kind": NAME,
        "step": content["step"],
        "classes": list(dataset.classes),
        "temperature": judgement.calibrated.temperature,
        "data": identity_of(dataset),
        "splits": {split: one.facts() for split, (one, _) in found.items()},
        "judged_on": judgement.split,
        "gates": [judgement.verdict.facts()],
    }
    files.write_text(folder / "results.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    for one, _ in found.values():
        say(f"[EVAL] {one.words()}")
    verdict = judgement.verdict
    say(f"[GATE] {verdict.name} {verdict.outcome}: {verdict.seen}; expected {verdict.expected}")
    return judgement


def load_classifier(path: Path, device: torch.device | str = "cpu") -> tuple[ResNet, dict[str, Any]]:
    """The classifier in a checkpoint, in evaluation mode, and what the checkpoint says of it.

    Raises CheckpointError where it is missing, damaged, or no classifier.
    """
    content = read_weights(path, NAME)
    about = content["about"]
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, and thrown away
        model = cats_model(about["preset"], len(about["classes"]), stem=about["stem"])
    model.load_state_dict(content["model"])
    return model.to(device).eval(), content
