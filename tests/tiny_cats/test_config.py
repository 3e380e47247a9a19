"""The configurations that are shipped can be read, and what is wrong in one is named."""

from pathlib import Path

import pytest

from tiny_cats.config import resolve_classifier, resolve_dit
from tiny_cats.errors import CatsError, ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("classifier*.yaml")), ids=lambda path: path.stem)
def test_every_classifier_s_configuration_is_one(path: Path) -> None:
    assert resolve_classifier(path).config.name.startswith("classifier")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("tinydit*.yaml")), ids=lambda path: path.stem)
def test_every_tinydit_s_configuration_is_one(path: Path) -> None:
    assert resolve_dit(path).config.name.startswith("tinydit")


def test_smoke_runs_need_no_data_and_no_download() -> None:
    classifier, dit = (
        resolve(CONFIGS / f"{name}_smoke.yaml").config
        for resolve, name in ((resolve_classifier, "classifier"), (resolve_dit, "tinydit"))
    )
    assert classifier.data.synthetic and dit.data.synthetic and classifier.model.weights == "scratch"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.micro_batch_size=999", "micro_batch_size 999 is above batch_size 16: it is a part of it"),
        ("model.weights=imagenet,model.stem=small", "take model.stem: imagenet"),
        (
            "augment.mixup=0.7",
            r"augment\.mixup: Input should be less than or equal to 0\.5 \(--set augment\.mixup",
        ),
        ("model.preset=resnet50", r"model\.preset: Input should be 'resnet18' or 'resnet34'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(setting: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolve_classifier(CONFIGS / "classifier_smoke.yaml", [setting])


def test_a_setting_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigError, match=r"training\.stepz is no setting; did you mean training\.steps"):
        resolve_dit(CONFIGS / "tinydit.yaml", ["training.stepz=3"])
    assert issubclass(ConfigError, CatsError)
