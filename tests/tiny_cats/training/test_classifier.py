"""The classifier's training, small: its task, a whole run, and runs that are killed or fail the gate."""

import json
import signal
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny_cats.training.forked import forked
from tiny_cats import run as runs
from tiny_cats.commands import run as command
from tiny_cats.config import resolve_classifier, schema
from tiny_cats.data.dataset import prepare
from tiny_cats.data.synth import make_pictures
from tiny_cats.errors import CheckpointError, DataError
from tiny_cats.evaluation.judging import judge
from tiny_cats.training.classifier_run import load_classifier
from tiny_cats.training.classifier_task import ClassifierTask, class_weights
from training_kit.metrics import read_metrics
from training_kit.run_folder import read_state

CONFIG = Path(__file__).parents[3] / "configs" / "classifier_smoke.yaml"
CPU = torch.device("cpu")
SMALL = (
    *("data.synthetic=null", "data.root=pets", "data.size=32", "data.stored_size=36", "model.stem=imagenet"),
    *("data.val_share=0.2", "data.test_share=0.2", "training.steps=4", "training.batch_size=8"),
    *("training.log_every_steps=1", "training.checkpoint_every_steps=1", "training.validate_every_steps=2"),
    "tracking.tensorboard=false",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_pictures(folder / "pets", per_class=8, size=36)
    return folder


@pytest.fixture(scope="module")
def dataset(data):
    return prepare(config().data, data)


def config(*overrides):
    return resolve_classifier(CONFIG, (*SMALL, *overrides)).config


def begin(data, results, *overrides, **given):
    torch.set_num_threads(1)
    resolved = resolve_classifier(CONFIG, (*SMALL, *overrides))
    status = runs.start("classifier", resolved, data_dir=data, results_dir=results, **given)
    return status, max((results / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)


# the task


def task_of(dataset, *overrides):
    torch.manual_seed(0)
    return ClassifierTask(config(*overrides), dataset, CPU)


@pytest.mark.parametrize(
    "asked", [(), ("augment.crop=1",), ("augment.mixup=0.5", "augment.cutout=0.5"), ("augment.jitter=0.3",)]
)
def test_what_is_trained_on_is_a_function_of_the_step_s_generator(dataset, asked):
    task = task_of(dataset, *asked)
    batch = next(task.batches(0))
    y_BK = torch.nn.functional.one_hot(batch.y_B, 5).float()
    first, again, other = (
        task.augmented(batch.x_BCHW, y_BK, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert first[0].shape == (8, 3, 32, 32) and first[0].min() >= -1.001 and first[0].max() <= 1.001
    assert torch.allclose(first[1].sum(1), torch.ones(8))


def test_every_setting_of_loss_and_augmentation_has_an_effect(dataset):
    def loss(*asked):
        task = task_of(dataset, *asked)
        batch = next(task.batches(0))
        return task.loss(batch.x_BCHW, batch.y_B, torch.Generator().manual_seed(0), 1)[0].item()

    asked = ["augment.crop=0.9", "augment.jitter=0.5", "augment.cutout=0.4", "augment.mixup=0.3"]
    asked += ["loss.label_smoothing=0.3"]
    assert len({loss(), *map(loss, asked)}) == len(asked) + 1


def test_class_weights_make_up_for_few_pictures(dataset):
    unequal = replace(dataset.train, labels_N=np.array([0, 0, 0, 1]))
    weights_K = class_weights(unequal, CPU)
    assert weights_K.tolist() == pytest.approx([2 / 3, 2.0, 0, 0, 0])
    assert weights_K[unequal.labels_N].mean() == pytest.approx(1.0)


def test_a_balanced_loss_weighs_the_rare_class_more(dataset):
    unequal = replace(dataset, train=replace(dataset.train, labels_N=np.minimum(dataset.train.labels_N, 1)))
    plain, balanced = (task_of(unequal, f"loss.balanced={word}") for word in ("false", "true"))
    x_BCHW, y_B = next(plain.batches(0)).x_BCHW, torch.zeros(8, dtype=torch.int64)
    losses = [task.loss(x_BCHW, y_B, torch.Generator().manual_seed(0), 1)[0] for task in (plain, balanced)]
    assert losses[1] > 1.5 * losses[0]


def test_a_split_without_pictures_is_refused(dataset):
    empty = replace(dataset.val, labels_N=np.zeros(0, np.int64))
    with pytest.raises(DataError, match="no picture is left for the split val"):
        ClassifierTask(config(), replace(dataset, val=empty), CPU)


# judging


class Knowing(torch.nn.Module):
    """Knows the answers of the pictures, in their order, at a scale that is three times too large."""

    def __init__(self, labels_N, wrong=()):
        super().__init__()
        self.labels = torch.tensor(np.where(np.isin(np.arange(len(labels_N)), wrong), 0, labels_N))

    def forward(self, x_BCHW):
        return 3.0 * torch.nn.functional.one_hot(self.labels[: len(x_BCHW)], 5).float()


def test_a_judgement_has_its_figures_and_pictures(dataset):
    view = dataset.val
    wrong = [int(np.flatnonzero(view.labels_N == 2)[0])]
    found, pictures = judge(Knowing(view.labels_N, wrong), dataset, "val", 32, CPU)
    assert found.accuracy.accuracy.value == pytest.approx(1 - 1 / len(view))
    assert found.verdict.outcome == "passed" and found.confusion_KK[2, 0] == 1
    assert [(one.number, one.named, one.true) for one in found.mistakes] == [(wrong[0], "black", "grey")]
    assert found.facts()["mistakes"][0]["path"] == view.paths[wrong[0]]
    assert set(pictures) == {"confusion", "reliability", "mistakes"}
    assert all(Image.open(BytesIO(png)).format == "PNG" for png in pictures.values())


# whole runs


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    return begin(data, tmp_path_factory.mktemp("whole"))


def test_a_run_no_better_than_guessing_ends_as_failed_with_its_pictures(whole):
    status, folder = whole
    state = read_state(folder)
    assert (status, state.state, state.is_final) == (1, "failed", True)
    assert "the lower limit of balanced accuracy on test pictures above 20.0%" in state.error
    results = json.loads((folder / "results.json").read_text())
    assert [gate["outcome"] for gate in results["gates"]] == ["failed"]
    assert results["splits"]["test"]["chance"] == 0.2 and results["temperature"] > 0
    names = {path.name for path in (folder / "pictures").iterdir()}
    assert names == {"confusion.png", "reliability.png", "mistakes.png"}
    assert (folder / "samples" / "augmented.png").exists()
    assert "[GATE] above chance failed" in (folder / "run.log").read_text()


def test_killed_at_a_step_and_resumed_it_is_the_run_that_was_not(whole, data, tmp_path):
    _, status = forked(
        lambda say: begin(data, tmp_path, on_checkpoint=lambda: say("kept")), kill_after="kept"
    )
    assert status == -signal.SIGKILL
    _, folder = begin(data, tmp_path, resume=True)
    mine, theirs = (read_metrics(each / "metrics.jsonl") for each in (folder, whole[1]))
    for name in ("step", "loss", "accuracy", "grad_norm", "val_loss"):
        assert [line.get(name) for line in mine] == [line.get(name) for line in theirs]
    assert (folder / "results.json").read_text() == (whole[1] / "results.json").read_text()


def test_stopped_by_max_steps_it_is_judged_but_not_held_to_the_gate(data, tmp_path):
    status, folder = begin(data, tmp_path, max_steps=2)
    assert (status, read_state(folder).state) == (0, "finished")
    assert "not held to it: 2 of 4 steps" in (folder / "run.log").read_text()
    assert (folder / "results.json").exists()


def test_resuming_with_another_network_is_refused_and_changes_nothing(data, tmp_path):
    _, folder = begin(data, tmp_path, max_steps=1)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(Exception, match=r"model\.preset was \"resnet18\" and is \"resnet34\""):
        begin(data, tmp_path, "model.preset=resnet34", resume=True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_setting_is_read(data, tmp_path, monkeypatch):
    """No option may exist that nothing reads: the predecessor's were parsed and ignored."""
    read = set()

    def spy(self, name):
        read.add((type(self), name))
        return object.__getattribute__(self, name)

    monkeypatch.setattr(schema.Section, "__getattribute__", spy)
    begin(data, tmp_path, "training.checkpoint_every_steps=2", max_steps=2)
    sections = [schema.ClassifierConfig, *(field.annotation for field in fields_of(schema.ClassifierConfig))]
    unread = {
        (section.__name__, name)
        for section in sections
        if issubclass(section, schema.Section)
        for name in section.model_fields
        if (section, name) not in read
    }
    assert not unread


def fields_of(model):
    return [field for field in model.model_fields.values() if isinstance(field.annotation, type)]


# evaluate


def test_evaluate_gives_the_run_s_own_figures(whole, data, capsys):
    folder = whole[1]
    before = json.loads((folder / "results.json").read_text())
    assert command(["evaluate", str(folder), "--data", str(data), "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out) == before
    assert "[EVAL] test" in shown.err
    assert json.loads((folder / "results.json").read_text()) == before


def test_evaluate_names_a_run_that_is_none(tmp_path, capsys):
    assert command(["evaluate", str(tmp_path)]) == 1
    assert "no run's folder: those are in runs/ of the results folder" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_named(whole, tmp_path):
    best = tmp_path / "best.pt"
    best.write_bytes((whole[1] / "checkpoints" / "best.pt").read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"best\.pt: damaged"):
        load_classifier(best)
