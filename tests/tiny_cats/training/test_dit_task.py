"""TinyDiT in the loop: what is measured and drawn, and a run that is cut in two gives the same losses."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from tests.tiny_cats.training.stand_in import CPU
from tiny_cats import augment, dit
from tiny_cats.commands.sample import guidance_for
from tiny_cats.config.schema import Data, DitConfig
from tiny_cats.data.dataset import prepare
from tiny_cats.errors import CheckpointError, ExportError
from tiny_cats.training.dit_judging import judge_run
from tiny_cats.training.dit_task import DitTask, sampler_of
from tiny_cats.training.loop import train, validate
from tiny_cats.training.resuming import FORMAT
from training_kit.checkpoint import read_checkpoint, write_checkpoint
from training_kit.randomness import seed_all

SETTINGS = {"steps": 6, "batch_size": 4, "log_every_steps": 1, "validate_every_steps": 3, "warmup_steps": 1}


def config_of(**flow: object) -> DitConfig:
    return DitConfig.model_validate(
        {
            "name": "tinydit-test",
            "data": {"synthetic": 8, "size": 32, "val_share": 0.25},
            "model": {"preset": "tinydit_32"},
            "training": SETTINGS,
            "flow": {"ema_decay": 0.9, "ema_every_steps": 1} | flow,
            "sampling": {"count": 4, "steps": 2},
        }
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return prepare(config_of().data, tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def task_of(pictures, monkeypatch):
    """Tasks of a model so small that a step takes a few milliseconds."""
    tiny = replace(dit.PRESETS["tinydit_32"], patch=8, width=16, depth=2, heads=1)
    monkeypatch.setitem(dit.PRESETS, "tinydit_32", tiny)

    def make(**flow: object) -> DitTask:
        seed_all(0, 0)
        return DitTask(config_of(**flow), pictures, CPU)

    return make


def run(task, folder, **options):
    folder.mkdir(exist_ok=True)
    return train(task, task.config.training, folder, CPU, say=lambda line: None, **options)


def test_a_run_cut_in_two_gives_the_same_losses_and_the_same_average(task_of, tmp_path):
    # each as in a process of its own: seeded, made, and then trained
    whole = task_of()
    losses = run(whole, tmp_path / "whole").losses
    cut = run(task_of(), tmp_path / "cut", max_steps=3).losses
    second = task_of()
    assert cut + run(second, tmp_path / "cut", resume=True).losses == losses
    for one, other in zip(whole.ema.model.parameters(), second.ema.model.parameters(), strict=True):
        assert one.equal(other)


def test_validation_compares_held_out_with_trained_on_and_average_with_raw(task_of, tmp_path):
    task = task_of()
    before = torch.get_rng_state()
    figures = validate(task)
    assert set(figures) == {"val_loss", "val_loss_raw", "train_loss_ema"}
    assert figures["val_loss"] == figures["val_loss_raw"]  # nothing was trained yet
    assert torch.get_rng_state().equal(before)
    run(task, tmp_path)
    after = validate(task)
    assert after["val_loss"] < figures["val_loss"]
    assert after["val_loss"] != after["val_loss_raw"]
    assert validate(task) == after


def test_samples_on_the_way_come_from_the_average(task_of, tmp_path):
    task = task_of()
    run(task, tmp_path)
    drawn, about = opened(tmp_path / "samples" / "step-000006.png")
    assert about["guidance"] == "1.5"
    task.sample_pictures(7, tmp_path)
    assert opened(tmp_path / "step-000007.png")[0] == drawn
    for weight in task.model.parameters():
        weight.data.zero_()  # the raw weights do not matter
    task.sample_pictures(8, tmp_path)
    assert opened(tmp_path / "step-000008.png")[0] == drawn


def opened(path):
    with Image.open(path) as picture:
        return picture.tobytes(), picture.text


def test_a_checkpoint_gives_the_average_and_the_raw_weights(task_of, tmp_path):
    task = task_of()
    last = run(task, tmp_path).last_checkpoint
    content = read_checkpoint(last, FORMAT)
    averaged, raw = sampler_of(content), sampler_of(content, averaged=False)
    x, t, y = torch.randn(2, 3, 32, 32), torch.tensor([0.2, 0.8]), torch.tensor([0, 1])
    task.model.eval()
    torch.testing.assert_close(averaged(x, t, y), task.ema.model(x, t, y))
    torch.testing.assert_close(raw(x, t, y), task.model(x, t, y))
    assert not averaged(x, t, y).equal(raw(x, t, y))


def test_weights_of_an_earlier_network_are_neither_resumed_nor_judged_though_they_fit(
    pictures, task_of, tmp_path
):
    """Those that were trained with added positions alone have the same names and shapes."""
    path = run(task_of(), tmp_path / "checkpoints", max_steps=3).last_checkpoint
    content = read_checkpoint(path, FORMAT)
    earlier = content | {"about": {key: value for key, value in content["about"].items() if key != "network"}}
    write_checkpoint(path, earlier)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"step-000003\.pt: of another training \(network was null"):
        run(task_of(), tmp_path / "checkpoints", resume=True)
    write_checkpoint(tmp_path / "checkpoints" / "best.pt", earlier)
    with pytest.raises(CheckpointError, match=EARLIER):
        judge_run(tmp_path, config_of(), pictures, CPU.device, print)
    assert path.read_bytes() == before and not (tmp_path / "results.json").exists()


EARLIER = (
    r"best\.pt: of another model than this version makes \(its network is version 1, here it is version 2\): "
    "use the version that trained it$"
)


@pytest.mark.parametrize("mirror", [True, False])
def test_pictures_are_mirrored_where_asked_and_changed_in_no_other_way(task_of, monkeypatch, mirror):
    task, seen = task_of(mirror=mirror), []

    def loss_of(model, x1, y, generator, *, null_token):
        seen.append(x1)
        return x1.mean()

    monkeypatch.setattr(task, "loss_of", loss_of)
    batch = next(task.batches(0))
    task.loss(batch.x_BCHW, batch.y_B, torch.Generator().manual_seed(0), 1)
    plain = augment.to_float(batch.x_BCHW)
    is_flipped = [
        x.equal(other.flip(2)) and not x.equal(other) for x, other in zip(seen[0], plain, strict=True)
    ]
    assert all(x.equal(other) or x.equal(other.flip(2)) for x, other in zip(seen[0], plain, strict=True))
    assert any(is_flipped) == mirror


def test_the_settings_of_the_flow_reach_the_loss_and_the_average(task_of):
    task = task_of(label_dropout=0.3, time_mean=-1.0, time_deviation=2.0, ema_decay=0.5, ema_every_steps=7)
    assert (task.loss_of.label_dropout, task.loss_of.time_mean, task.loss_of.time_deviation) == (
        0.3,
        -1.0,
        2.0,
    )
    assert (task.ema.decay, task.ema.every) == (0.5, 7)


def test_a_size_that_is_not_the_presets_is_refused():
    with pytest.raises(ValueError, match=r"data\.size: 48, and tinydit_32 draws 32 px: set 32"):
        DitConfig.model_validate({"name": "x", "data": Data(size=48), "model": {"preset": "tinydit_32"}})


def test_guidance_without_pictures_that_lost_their_class_is_refused():
    flow = {"label_dropout": 0.0}
    with pytest.raises(
        ValueError, match=r"sampling\.guidance: 1\.5 leads away .* flow\.label_dropout: 0 trains none"
    ):
        DitConfig.model_validate({"name": "x", "flow": flow})
    assert DitConfig.model_validate({"name": "x", "flow": flow, "sampling": {"guidance": 1}})


def test_sample_draws_with_the_guidance_of_training_unless_told_otherwise():
    assert guidance_for(None, {"flow": {"label_dropout": 0.1}, "sampling": {"guidance": 2.0}}) == 2.0
    assert guidance_for(3.0, {"flow": {"label_dropout": 0.1}, "sampling": {"guidance": 2.0}}) == 3.0
    assert guidance_for(None, {}) == 1.5
    assert guidance_for(None, {"flow": {"label_dropout": 0.0}}) == 1.0
    with pytest.raises(ExportError, match=r"--guidance 2: .* leave --guidance out"):
        guidance_for(2.0, {"flow": {"label_dropout": 0.0}})
