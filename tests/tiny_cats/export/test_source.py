"""Runs and checkpoints as they are exported: which weights, what the run says, what is refused."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_cats.export.sources import CLASSES, drawn
from tiny_cats.commands import run
from tiny_cats.dit import NETWORK, tinydit_32
from tiny_cats.errors import CheckpointError, ExportError
from tiny_cats.export.source import read_source
from tiny_cats.model import cats_model
from tiny_cats.runtime.folder import read_description
from tiny_cats.training.resuming import FORMAT
from training_kit.checkpoint import write_checkpoint


@pytest.fixture(scope="module")
def tinydit_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As training leaves it; the average differs from the raw weights."""
    folder = tmp_path_factory.mktemp("runs") / "tinydit-20260301-101500"
    model = drawn(tinydit_32(len(CLASSES)))
    average = {name: value / 2 for name, value in model.state_dict().items()}
    content = {
        "format": FORMAT,
        "task": "tinydit",
        "about": {"network": NETWORK, "preset": "tinydit_32", "size": 32, "classes": list(CLASSES)},
        "model": model.state_dict(),
        "extra": {"ema": {"updates": 9, "weights": average}},
        "step": 9,
    }
    write_checkpoint(folder / "checkpoints/best.pt", content)
    (folder / "config.json").write_text(json.dumps({"config": {"name": "tinydit", "data": {"root": "pets"}}}))
    (folder / "state.json").write_text(json.dumps({"state": "failed", "error": "gate: no better than noise"}))
    gate = {"name": "noise", "passed": False, "words": "no better than noise"}
    accuracy = {"value": 0.5, "low": 0.25, "high": 0.75}
    results = {"step": 9, "distance": {"samples": 0.25}, "accuracy": accuracy, "gates": [gate]}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture(scope="module")
def classifier_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    about = {"preset": "resnet18", "stem": "small", "size": 32, "stored_size": 36, "classes": list(CLASSES)}
    model = drawn(cats_model("resnet18", len(CLASSES), stem="small"))
    content = {"format": FORMAT, "task": "classifier", "about": about, "model": model.state_dict()}
    path = tmp_path_factory.mktemp("checkpoints") / "best.pt"
    write_checkpoint(path, content | {"extra": {}, "step": 4})
    return path


def typed(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


def test_tinydits_average_is_exported_with_what_the_run_says(
    tinydit_run: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    assert typed("export", tinydit_run, "--out", out, "--format", "safetensors") == 0
    assert (
        "note: " in (err := capsys.readouterr().err) and "this run failed: gate: no better than noise" in err
    )
    raw = torch.load(tinydit_run / "checkpoints/best.pt", weights_only=True)["model"]
    assert all(value.equal(raw[name] / 2) for name, value in load_file(out / "model.safetensors").items())
    about = read_description(out)
    assert (about.step, about.preset, about.size, about.classes) == (9, "tinydit_32", 32, CLASSES)
    card = (out / "README.md").read_text()
    assert (
        "| distance, samples | 0.25 |" in card and "**The run failed: gate: no better than noise.**" in card
    )


def test_figures_of_other_weights_are_left_out(tinydit_run: Path) -> None:
    content = torch.load(tinydit_run / "checkpoints/best.pt", weights_only=True)
    write_checkpoint(tinydit_run / "checkpoints/step-000008.pt", content | {"step": 8})
    assert read_source(tinydit_run / "checkpoints/step-000008.pt").about.figures == {}
    assert read_source(tinydit_run).about.figures["distance"] == {"samples": 0.25}


def test_a_classifiers_size_and_classes(classifier_checkpoint: Path) -> None:
    source = read_source(classifier_checkpoint)
    assert (source.about.kind, source.about.size, source.about.stored_size) == ("classifier", 32, 36)
    assert source.about.config == {} and source.about.ended == ""


def test_the_other_kind_is_refused_by_its_command(classifier_checkpoint: Path) -> None:
    with pytest.raises(ExportError, match="a classifier, and this takes a tinydit: it is for `predict`"):
        read_source(classifier_checkpoint, "tinydit")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preset": "resnet34"}, r"of another model than this version makes \(Error\(s\) in loading"),
        ({"preset": "resnet99"}, "resnet99 is no network of this project"),
        ({"classes": ["one", "two"]}, "of another model than this version makes"),
        ({"stem": None}, "stem: None is not known"),
    ],
)
def test_a_checkpoint_of_another_preset_is_refused(
    classifier_checkpoint, tmp_path, change, words, capsys
) -> None:
    content = torch.load(classifier_checkpoint, weights_only=True)
    write_checkpoint(tmp_path / "best.pt", content | {"about": content["about"] | change})
    assert typed("export", tmp_path / "best.pt", "--out", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert re.search(words, err)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_an_earlier_network_is_refused(tinydit_run: Path, tmp_path: Path) -> None:
    """Its weights fit by name and shape, and would draw something else."""
    content = torch.load(tinydit_run / "checkpoints/best.pt", weights_only=True)
    for earlier in ({}, {"network": NETWORK - 1}):
        about = {key: value for key, value in content["about"].items() if key != "network"} | earlier
        write_checkpoint(tmp_path / "best.pt", content | {"about": about})
        with pytest.raises(CheckpointError, match=r"its network is version 1, here it is version 2\)"):
            read_source(tmp_path / "best.pt")


def test_a_damaged_checkpoint_and_one_that_is_not_there(classifier_checkpoint: Path, tmp_path: Path) -> None:
    content = bytearray(classifier_checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best\.pt: damaged"):
        read_source(tmp_path / "best.pt")
    with pytest.raises(CheckpointError, match="No such file"):
        read_source(tmp_path / "gone.pt")
    with pytest.raises(CheckpointError, match="no checkpoint in it: name a run's folder, or a checkpoint"):
        read_source(tmp_path)
