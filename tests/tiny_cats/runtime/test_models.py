"""Exported folders as they are opened: damaged, missing, of the other kind."""

import json
import shutil
from pathlib import Path

import pytest

from tiny_cats.errors import ExportError
from tiny_cats.opening import classifier_from, sampler_from
from tiny_cats.runtime.models import open_classifier


@pytest.fixture
def copy(classifier_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(classifier_folder, tmp_path / "copy"))


def test_a_changed_byte_is_found(copy: Path) -> None:
    content = bytearray((copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.onnx").write_bytes(content)
    with pytest.raises(ExportError, match=r"model\.onnx: damaged: it is not what was exported"):
        open_classifier(copy)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1, "classes": []}'])
def test_a_damaged_description_is_found(copy: Path, content: str) -> None:
    (copy / "model.json").write_text(content)
    with pytest.raises(ExportError, match=r"model\.json: .*export (it|the model) again"):
        open_classifier(copy)


def test_a_file_that_is_gone_is_named(copy: Path) -> None:
    (copy / "model.onnx").unlink()
    with pytest.raises(ExportError, match=r"model\.onnx: No such file"):
        open_classifier(copy)


def test_weights_alone_do_not_run_without_pytorch(copy: Path) -> None:
    about = json.loads((copy / "model.json").read_text())
    del about["files"]["model.onnx"]
    (copy / "model.json").write_text(json.dumps(about))
    with pytest.raises(
        ExportError, match=r"exported without model\.onnx: export it again with --format both"
    ):
        open_classifier(copy)


def test_a_model_of_the_other_kind_names_its_command(classifier_folder: Path, tinydit_folder: Path) -> None:
    with pytest.raises(ExportError, match="a classifier, and this takes a tinydit: it is for `predict`"):
        sampler_from(classifier_folder)
    with pytest.raises(ExportError, match="a tinydit, and this takes a classifier: it is for `sample`"):
        classifier_from(tinydit_folder)


def test_without_a_name_the_exported_one_is_taken(copy: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match="no classifier in exported/: name one by --model, or export one"):
        classifier_from(None)
    shutil.copytree(copy, tmp_path / "exported/classifier")
    assert classifier_from(None).about.kind == "classifier"
    shutil.copytree(copy, tmp_path / "exported/second")
    with pytest.raises(ExportError, match="2 models in exported/: name one by --model exported/classifier"):
        classifier_from(None)
