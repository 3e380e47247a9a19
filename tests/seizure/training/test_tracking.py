"""Trackers are optional: one that fails is named once, and the run goes on."""

import sys
from types import SimpleNamespace

import pytest

from seizure.config import Config
from tests.seizure.training.life import live, make_config
from training_kit.tracking import Trackers, wished_trackers


class Good:
    name = "good"

    def __init__(self):
        self.logged = []

    def log(self, step, values):
        self.logged.append((step, dict(values)))

    def close(self):
        self.logged.append("closed")


class Broken(Good):
    name = "broken"

    def log(self, step, values):
        raise ConnectionError("no route to the tracker")


def with_tracking(**tracking):
    return Config.model_validate(make_config().model_dump() | {"tracking": tracking})


def wished(config, folder, say=print):
    return wished_trackers(config.tracking, config, folder, 1, say)


def test_a_failing_tracker_is_named_once_and_left_out():
    lines, good = [], Good()
    trackers = Trackers({"broken": Broken, "good": lambda: good}, lines.append)
    for step in (1, 2, 3):
        trackers.log(step, {"loss": 0.5})
    trackers.close()
    assert lines == ["[TRACK] broken is off: ConnectionError: no route to the tracker"]
    assert good.logged == [(1, {"loss": 0.5}), (2, {"loss": 0.5}), (3, {"loss": 0.5}), "closed"]


def test_a_tracker_that_cannot_start_is_named():
    lines = []

    def make():
        raise RuntimeError("no such account")

    Trackers({"broken": make}, lines.append).log(1, {})
    assert lines == ["[TRACK] broken is off: RuntimeError: no such account"]


def test_a_run_with_a_broken_tracker_trains_all_the_same(cache, whole, tmp_path, monkeypatch):
    monkeypatch.setattr("training_kit.tracking.TensorBoard.log", Broken.log)
    lines = []
    result = live(cache, tmp_path, config=with_tracking(tensorboard=True), max_steps=4, say=lines.append)
    assert result.losses == whole.result.losses[:4]
    assert sum("[TRACK] TensorBoard is off" in line for line in lines) == 1


def test_tensorboard_gets_what_the_lines_say(cache, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines = []
    live(cache, tmp_path, config=with_tracking(tensorboard=True), max_steps=4, say=lines.append)
    assert not [line for line in lines if "[TRACK]" in line]
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("loss")] == [2, 3, 4]
    assert [event.step for event in events.Scalars("val_loss")] == [4]


@pytest.fixture
def wandb(monkeypatch):
    run = SimpleNamespace(logged=[], finish=lambda: run.logged.append("finished"))
    run.log = lambda values, step: run.logged.append((step, values))
    run.init = lambda **given: run.__dict__.update(given=given) or run
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=run.init))
    return run


def test_wandb_needs_project_and_key(wandb, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    wished(with_tracking(tensorboard=False, wandb_project="eeg"), tmp_path)
    assert "Weights & Biases is off: tracking.wandb_project is set, WANDB_API_KEY is not" in (
        capsys.readouterr().out
    )
    monkeypatch.setenv("WANDB_API_KEY", "key")
    wished(with_tracking(tensorboard=False), tmp_path)
    assert not hasattr(wandb, "given")


def test_wandb_continues_its_record_of_a_resumed_run(wandb, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "key")
    config = with_tracking(tensorboard=False, wandb_project="eeg")
    trackers = wished(config, tmp_path)
    trackers.log(5, {"loss": 1.0})
    trackers.close()
    assert wandb.logged == [(5, {"loss": 1.0}), "finished"]
    assert wandb.given["id"] == tmp_path.name and wandb.given["resume"] == "allow"
    assert wandb.given["config"]["training"]["steps"] == 12


def test_wandb_that_is_not_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "key")
    monkeypatch.setitem(sys.modules, "wandb", None)
    lines = []
    wished(with_tracking(tensorboard=False, wandb_project="eeg"), tmp_path, lines.append)
    assert len(lines) == 1 and lines[0].startswith("[TRACK] Weights & Biases is off: ModuleNotFoundError")
