"""`predict` on ONNX Runtime: what it says of pictures, good and bad."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_cats.export.sources import CLASSES
from tiny_cats.augment import centre_crop
from tiny_cats.commands import run
from tiny_cats.data.decode import open_picture
from tiny_cats.runtime.classify import predict
from tiny_cats.runtime.folder import read_description
from tiny_cats.runtime.models import Classifier

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, shape in enumerate([(60, 90), (200, 50), (40, 40)]):
        Image.fromarray(RNG.integers(0, 256, (*shape, 3), np.uint8)).save(folder / f"cat {number}.jpg")
    (folder / "broken.jpg").write_bytes((folder / "cat 0.jpg").read_bytes()[:-2000])
    (folder / "notes.txt").write_text("no picture")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    return folder


def typed(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


def test_the_probabilities_are_pytorchs(classifier_source, classifier_folder, pictures, capsys) -> None:
    path = pictures / "cat 1.jpg"
    assert typed("predict", path, "--model", classifier_folder, "--format", "json") == 0
    (said,) = json.loads(capsys.readouterr().out)["images"]
    middle = open_picture(path, 40).pixels_HWC[4:36, 4:36]  # kept at 40 px, seen at 32
    with torch.inference_mode():
        logits = classifier_source.module(torch.from_numpy(middle.copy()).permute(2, 0, 1)[None])
    shares = dict(zip(CLASSES, logits.softmax(1)[0].tolist(), strict=True))
    assert said["probabilities"] == pytest.approx(shares, abs=1e-5)
    assert said["class"] == max(shares, key=shares.__getitem__)
    assert said["probability"] == max(said["probabilities"].values())


def test_the_model_sees_what_validation_does(classifier_folder, pictures) -> None:
    path, seen = pictures / "cat 1.jpg", []

    def logits(images):
        seen.append(images)
        return np.zeros((len(images), len(CLASSES)), np.float32)

    about = read_description(classifier_folder)
    list(predict(Classifier(about, logits), [path], batch_size=1))
    kept = torch.from_numpy(open_picture(path, 40).pixels_HWC.copy()).permute(2, 0, 1)[None]
    assert np.array_equal(seen[0], centre_crop(kept, 32).numpy())


def test_a_bad_picture_is_named_and_the_others_are_predicted(classifier_folder, pictures, capsys) -> None:
    options = ("--model", classifier_folder, "--batch-size", 2)
    assert typed("predict", pictures, pictures / "gone.jpg", *options) == 1
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        str(pictures / f"cat {k}.jpg") for k in range(3)
    ]
    assert out.count("%") == 9
    broken, dot, gone = err.splitlines()
    assert broken.startswith(f"error: {pictures}/broken.jpg: truncated: ")
    assert dot.startswith(f"error: {pictures}/dot.png: too-small: 1 x 1 pixels")
    assert gone.startswith(f"error: {pictures}/gone.jpg: unreadable: No such file")


def test_json_has_the_bad_ones_too(classifier_folder, pictures, capsys) -> None:
    options = ("--model", classifier_folder, "--format", "json")
    assert typed("predict", pictures / "cat 0.jpg", pictures / "broken.jpg", *options) == 1
    said = json.loads(capsys.readouterr().out)
    assert [Path(one["image"]).name for one in said["images"]] == ["cat 0.jpg"]
    assert [one["fault"] for one in said["failed"]] == ["truncated"]


def test_a_folder_without_pictures_is_an_error(classifier_folder, tmp_path, capsys) -> None:
    assert typed("predict", tmp_path, "--model", classifier_folder) == 1
    assert f"error: {tmp_path}: no picture in this folder" in capsys.readouterr().err
