"""A run that fails a gate has failed, with pictures and report; what cannot be judged is not trained."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.tiny_cats.training.stand_in import CPU as PLACE
from tiny_cats import dit
from tiny_cats.config import resolve_dit
from tiny_cats.data.dataset import Dataset, prepare
from tiny_cats.errors import CheckpointError, DataError
from tiny_cats.model import cats_model
from tiny_cats.run import FAILED, start
from tiny_cats.training.dit_judging import refuse_unjudgeable
from tiny_cats.training.resuming import FORMAT
from training_kit.checkpoint import write_checkpoint

CPU = PLACE.device
CONFIG = Path(__file__).parents[3] / "configs" / "tinydit_smoke.yaml"
QUICK = (
    "data.synthetic=26,data.val_share=0.25,data.test_share=0.2,training.steps=2,training.batch_size=4,training.warmup_steps=1,"
    "training.log_every_steps=1,sampling.count=4,sampling.steps=1,tracking.tensorboard=false"
)


def test_a_run_that_fails_a_gate_ends_as_failed_with_its_pictures_and_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(dit.PRESETS["tinydit_32"], patch=8, width=16, depth=1, heads=1)
    monkeypatch.setitem(dit.PRESETS, "tinydit_32", tiny)
    resolved = resolve_dit(CONFIG, [QUICK, "gates.enforced=true"])
    status = start("dit", resolved, data_dir=tmp_path, results_dir=tmp_path)
    (folder,) = (tmp_path / "runs").iterdir()
    said = capsys.readouterr().out
    assert status == FAILED
    state = json.loads((folder / "state.json").read_text())
    assert state["state"] == "failed" and state["is_final"]  # another attempt would come to the same
    assert "gates not passed: velocity at each time: expected held-out loss" in state["error"]
    assert f"error: {state['error']}" in said and "[GATE] velocity at each time failed" in said
    results = json.loads((folder / "results.json").read_text())
    assert {"velocity at each time", "velocity in the mean"} <= {
        one["name"] for one in results["gates"] if one["outcome"] == "failed"
    }
    pictures = {path.stem for path in (folder / "pictures").iterdir()}
    assert {"samples", "held-out-pictures", "noise", "blurred-mean", "linear-model", "neighbours"} <= pictures
    report = (folder / "report.html").read_text()
    assert "Not good enough." in report and report.count("data:image/png;base64,") >= 7
    assert f"[REPORT] {folder / 'report.html'}" in said


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    data = resolve_dit(CONFIG, ["data.synthetic=4"]).config.data
    return prepare(data, tmp_path_factory.mktemp("pictures"))


def test_too_few_pictures_to_judge_with_are_refused_before_anything_is_trained(pictures: Dataset) -> None:
    strict = resolve_dit(CONFIG, ["gates.enforced=true"]).config
    with pytest.raises(DataError, match=r"\d+ pictures to judge TinyDiT with .* take 50: raise"):
        refuse_unjudgeable(strict, pictures, CPU)
    refuse_unjudgeable(resolve_dit(CONFIG).config, pictures, CPU)


def test_a_classifier_that_cannot_name_the_samples_is_refused_before_anything_is_trained(
    pictures: Dataset, tmp_path: Path
) -> None:
    missing = resolve_dit(CONFIG, [f"gates.classifier={tmp_path / 'none.pt'}"]).config
    with pytest.raises(CheckpointError, match=r"none\.pt"):
        refuse_unjudgeable(missing, pictures, CPU)
    path = classifier(tmp_path / "other.pt", ("cat", "dog"))
    other = resolve_dit(CONFIG, [f"gates.classifier={path}"]).config
    with pytest.raises(CheckpointError, match="knows other classes than these pictures have"):
        refuse_unjudgeable(other, pictures, CPU)
    fitting = classifier(tmp_path / "fitting.pt", pictures.classes)
    refuse_unjudgeable(resolve_dit(CONFIG, [f"gates.classifier={fitting}"]).config, pictures, CPU)


def classifier(path: Path, classes: tuple[str, ...]) -> Path:
    """A checkpoint of a classifier that was not trained."""
    model = cats_model("resnet18", len(classes), stem="small")
    about = {"preset": "resnet18", "stem": "small", "size": 32, "classes": list(classes)}
    content = {"format": FORMAT, "task": "classifier", "about": about, "model": model.state_dict(), "step": 1}
    write_checkpoint(path, content)
    return path
