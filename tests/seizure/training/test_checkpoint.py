"""Checkpoints: whole or absent, checked when read, and refused where they do not belong."""

from importlib.metadata import version

import pytest
import torch

from seizure.cache.key import CODE_VERSION
from seizure.config.schema import Postprocessing
from seizure.errors import CheckpointError
from seizure.model import build_model
from seizure.training import checkpoint
from seizure.training.checkpoint import load_model, read_checkpoint, set_threshold
from seizure.training.resuming import State
from tests.seizure.cache.made import CHANNELS
from tests.seizure.training.life import live, make_config
from training_kit.devices import Place


@pytest.fixture
def stopped(cache, tmp_path):
    """A run of 6 steps with the checkpoints of steps 3 and 6."""
    live(cache, tmp_path, max_steps=6)
    return tmp_path


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip_a_byte, cut_short, empty])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(cache, whole, stopped, damage):
    damage(stopped / "checkpoints/step-000006.pt")
    lines = []
    result = live(cache, stopped, resume=True, say=lines.append)
    named = [line for line in lines if "step-000006.pt: damaged" in line]
    assert len(named) == 1 and named[0].endswith("taking the one before") and "\n" not in named[0]
    assert "[TRAIN] resuming after step 3" in lines
    assert result.losses == whole.result.losses[3:]


def test_without_a_checkpoint_resuming_starts_anew(cache, tmp_path):
    lines = []
    live(cache, tmp_path, resume=True, max_steps=1, say=lines.append)
    assert "[TRAIN] no checkpoint to resume from: starting with step 1" in lines


def test_other_settings_are_refused_by_name(cache, stopped):
    config = make_config(batch_size=8, learning_rate=2e-3)
    with pytest.raises(CheckpointError) as caught:
        live(cache, stopped, resume=True, config=config)
    assert "training.batch_size: 4 then, 8 now" in str(caught.value)
    assert "training.learning_rate: 0.001 then, 0.002 now" in str(caught.value)


def test_recordings_prepared_by_other_code_are_not_mixed(cache, stopped, monkeypatch):
    monkeypatch.setattr("seizure.training.resuming.CODE_VERSION", CODE_VERSION + 1)
    with pytest.raises(CheckpointError, match=f"version {CODE_VERSION} .* is version {CODE_VERSION + 1}"):
        live(cache, stopped, resume=True)


def test_a_model_of_other_preprocessing_says_so_when_it_is_used(whole, monkeypatch):
    assert load_model(whole.result.best_checkpoint).notice == ""
    monkeypatch.setattr(checkpoint, "CODE_VERSION", CODE_VERSION + 1)
    assert f"version {CODE_VERSION} of the preprocessing" in load_model(whole.result.best_checkpoint).notice


def test_the_scaler_goes_on_where_it_was(tmp_path):
    """bfloat16 needs none; a format that does must not begin with a scale of 65,536 again."""

    def state(scale):
        model = build_model("tiny", 3)
        optimiser = torch.optim.RAdam(model.parameters())
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        scaler.scale(torch.ones(1))
        here = Place(torch.device("cpu"))
        return State(make_config(), CHANNELS, ("a",), ("c",), model, optimiser, scheduler, scaler, here)

    state(512.0).write(tmp_path, 3, 0.5, print)
    resumed = state(65536.0)
    assert resumed.restore(tmp_path, print) == (3, 0.5)
    assert resumed.scaler.get_scale() == 512.0


def test_steps_and_logging_may_change(cache, stopped):
    config = make_config(steps=8, log_every_steps=1, workers=0, keep_checkpoints=1)
    assert live(cache, stopped, resume=True, config=config).steps == 8
    assert len(list((stopped / "checkpoints").glob("step-*"))) == 1


def test_other_recordings_are_refused(cache, stopped, monkeypatch):
    monkeypatch.setattr("tests.seizure.training.life.TRAIN_IDS", ("a", "b"))
    with pytest.raises(CheckpointError, match="3 train, 1 val then; 2 train, 1 val now"):
        live(cache, stopped, resume=True)


def test_every_setting_that_must_not_change_exists():
    values = make_config().model_dump(mode="json")
    for key in checkpoint.FIXED:
        section, name = key.split(".")
        assert name in values[section]


def test_a_checkpoint_says_what_it_was_trained_on(whole):
    content = read_checkpoint(whole.result.last_checkpoint)
    assert content["montage"] == "referential19" and content["channels"] == ["Fp1", "F3", "C3"]
    assert content["step"] == 12 and content["config"]["model"]["preset"] == "tiny"
    assert content["versions"]["torch"] == version("torch")
    for part in ("optimiser", "scheduler", "scaler", "random_states", "best_val_loss"):
        assert part in content


def test_a_loaded_model_is_the_one_that_was_kept(whole):
    trained = load_model(whole.result.best_checkpoint)
    assert trained.threshold is None and trained.montage == "referential19" and not trained.model.training
    x_BCT = torch.randn(1, 3, 1024, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(trained.model(x_BCT), load_model(whole.result.best_checkpoint).model(x_BCT))


def test_loading_leaves_the_random_state_alone(whole):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_model(whole.result.best_checkpoint)
    assert torch.rand(1) == expected


def test_a_fitted_threshold_stays_with_the_model(whole, tmp_path):
    path = tmp_path / "best.pt"
    path.write_bytes(whole.result.best_checkpoint.read_bytes())
    set_threshold(path, 0.35, Postprocessing(min_duration_s=4))
    trained = load_model(path)
    assert trained.threshold == 0.35 and trained.postprocessing.min_duration_s == 4
    assert [each.name for each in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"x" * 1000])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"best\.pt: damaged, or no checkpoint"):
        load_model(path)


def test_another_program_s_checkpoint_is_named(tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other\.pt: not a checkpoint of this version"):
        load_model(tmp_path / "other.pt")


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    torch.save({"format": 1, "model": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(CheckpointError, match=r"evil\.pt: damaged, or no checkpoint"):
        load_model(tmp_path / "evil.pt")


def test_a_missing_checkpoint_says_where_they_are(tmp_path):
    with pytest.raises(CheckpointError, match=r"No such file.*checkpoints/"):
        load_model(tmp_path / "none.pt")
