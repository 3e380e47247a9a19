"""Export: what lies in the folder, that it computes the same, and that a bad one is never left behind."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from torch import nn

from tests.tiny_cats.export.sources import CLASSES
from tests.tiny_cats.training.forked import forked
from tiny_cats.data import folders
from tiny_cats.errors import DataError, ExportError
from tiny_cats.export import write
from tiny_cats.export.inputs import random_inputs
from tiny_cats.export.source import Source
from tiny_cats.export.write import export
from tiny_cats.runtime.folder import digest, read_description


@pytest.fixture(params=["classifier", "tinydit"])
def exported(request: pytest.FixtureRequest) -> tuple[Source, Path]:
    return request.getfixturevalue(f"{request.param}_source"), request.getfixturevalue(
        f"{request.param}_folder"
    )


def test_the_weights_are_all_there_with_what_they_are_of(exported) -> None:
    source, folder = exported
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(source.weights)
        assert all(file.get_tensor(name).equal(value) for name, value in source.weights.items())
        about = json.loads(file.metadata()["description"])
    assert about["classes"] == list(CLASSES) and about["size"] == source.about.size
    assert about["config"] == {"name": "made"} and about["source"] == source.about.source


def test_the_description_names_every_file_by_its_digest(exported) -> None:
    _, folder = exported
    about = read_description(folder)
    assert {path.name for path in folder.iterdir()} == {*about.files, "model.json", "README.md"}
    assert about.files == {name: digest(folder / name) for name in about.files}
    assert about.versions["torch"] == torch.__version__


def test_the_graph_takes_batches_of_any_size_and_its_opset_is_stated(exported) -> None:
    source, folder = exported
    graph = onnx.load(folder / "model.onnx")
    assert graph.opset_import[0].version == read_description(folder).opset
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 5):
        inputs = [value[:count] for value in random_inputs(source.about)]
        given = {one.name: value.numpy() for one, value in zip(session.get_inputs(), inputs, strict=True)}
        (result,) = session.run(None, given)
        with torch.inference_mode():
            assert np.abs(result - source.module(*inputs).numpy()).max() < 1e-4


def test_how_near_it_is_to_pytorch_was_measured_and_is_in_the_card(exported) -> None:
    _, folder = exported
    difference = read_description(folder).parity["largest_difference"]["random"]
    assert 0 < difference <= 1e-4
    card = (folder / "README.md").read_text()
    assert f"{difference:.1e} on random inputs" in card
    assert all(words in card for words in ("CC BY-SA 4.0", "Intended use", "Schnürhaar", "opset"))


class Dice(nn.Module):
    """Other in training than in a graph: what an operator that is exported wrongly comes to."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        wrong = 0.0 if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting() else 0.001
        return images.float().mean((2, 3)) + wrong


def test_a_graph_that_computes_something_else_is_not_left_behind(classifier_source, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"differs from PyTorch by 0\.001 on random inputs.*nothing was written"
    ):
        export(replace(classifier_source, module=Dice()), tmp_path / "out", "onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(classifier_source, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(DataError, match="holds something already"):
        export(classifier_source, tmp_path / "out", "safetensors")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("moment", ["digest", "card", "finish"])
def test_killed_in_the_midst_there_is_no_folder_and_the_next_export_works(
    classifier_source, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed with the weights written, with all but the card, and with everything but the folder's name."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(folders if moment == "finish" else write, moment, die)
        assert forked(lambda _: export(classifier_source, out, "safetensors"))[1] == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".out.part"]
    about = export(classifier_source, out, "safetensors")
    assert read_description(out).files == about.files
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_weights_alone_need_no_graph(tinydit_source, tmp_path: Path) -> None:
    about = export(tinydit_source, tmp_path / "out", "safetensors")
    assert list(about.files) == ["model.safetensors"] and not about.parity
