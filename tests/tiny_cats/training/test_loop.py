"""The loop, with a small task: what it learns, keeps, says and refuses."""

import errno
import json
import os
import resource
import signal

import pytest
import torch

from tests.tiny_cats.training.forked import forked
from tests.tiny_cats.training.stand_in import CPU, SMALL, StandIn, live
from tiny_cats.config.schema import Training
from tiny_cats.errors import CheckpointError, DivergenceError
from tiny_cats.training.loop import make_optimiser, train
from tiny_cats.training.resuming import FORMAT, read_weights
from training_kit import files
from training_kit.checkpoint import read_checkpoint
from training_kit.interrupt import stop_between_steps
from training_kit.metrics import read_metrics


def run(task, folder, *, say=lambda line: None, resume=False, max_steps=None, is_stopping=None, **settings):
    folder.mkdir(exist_ok=True)
    return train(
        task,
        Training(**{**SMALL, **settings}),
        folder,
        CPU,
        resume=resume,
        max_steps=max_steps,
        say=say,
        is_stopping=is_stopping or (lambda: False),
    )


def test_it_learns_and_leaves_a_line_a_step(whole):
    lines = read_metrics(whole.folder / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert whole.result.losses == [line["loss"] for line in lines]
    assert sum(whole.result.losses[-4:]) < sum(whole.result.losses[:4])
    assert {"lr", "grad_norm", "accuracy"} <= set(lines[0])
    assert [line["step"] for line in lines if "val_loss" in line] == [4, 8, 12]
    assert (whole.folder / "samples" / "step-000012.txt").exists()


def test_best_is_the_step_whose_figure_is_least(whole):
    lines = [line for line in read_metrics(whole.folder / "metrics.jsonl") if "val_loss" in line]
    least = min(lines, key=lambda line: line["val_loss"])
    assert read_weights(whole.folder / "checkpoints" / "best.pt", "stand-in")["step"] == least["step"]


def test_only_the_newest_step_files_are_kept(whole):
    kept = sorted(path.name for path in (whole.folder / "checkpoints").glob("step-*"))
    assert kept == ["step-000010.pt", "step-000012.pt"]


def test_max_steps_stops_and_resuming_goes_on_as_if_it_had_not(whole, tmp_path):
    said = []
    live(tmp_path, max_steps=5, say=said.append)
    assert any("(training.steps = 12, stopped by --max-steps)" in line for line in said)
    assert (tmp_path / "checkpoints" / "best.pt").exists(), "so that something can be used at once"
    live(tmp_path, resume=True, say=said.append)
    assert "[TRAIN] resuming after step 5" in said
    mine, theirs = (read_metrics(f / "metrics.jsonl") for f in (tmp_path, whole.folder))
    assert [line["loss"] for line in mine] == [line["loss"] for line in theirs]


def test_what_is_done_is_not_done_again(whole):
    said = []
    result = live(whole.folder, resume=True, say=said.append)
    assert "[TRAIN] step 12 of 12 is done already" in said
    assert result.losses == []


def test_a_folder_with_checkpoints_is_not_overwritten(whole):
    before = (whole.folder / "metrics.jsonl").read_bytes()
    with pytest.raises(CheckpointError, match=r"holds step-000012\.pt: resume that run, or start in a new"):
        live(whole.folder, say=lambda line: None)
    assert (whole.folder / "metrics.jsonl").read_bytes() == before


# micro-batches


class NoNoise(StandIn):
    """Without batch norm, dropout or noise a batch's gradient is the mean of its parts'."""

    def __init__(self):
        super().__init__()
        self.model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))

    def after_step(self, step):
        pass

    def loss(self, x_BCHW, y_B, generator, step):
        self.seen.append(len(y_B))
        return torch.nn.functional.cross_entropy(self.model(x_BCHW.float() / 255), y_B), {}


def test_parts_of_a_batch_give_the_gradient_of_the_whole(tmp_path):
    whole = run(NoNoise(), tmp_path / "whole")
    task = NoNoise()
    parts = run(task, tmp_path / "parts", micro_batch_size=2)
    assert set(task.seen) == {2}
    assert parts.losses == pytest.approx(whole.losses, rel=1e-5)


def test_the_gradient_is_clipped_to_what_is_asked_for(tmp_path):
    task = NoNoise()
    before = task.model[1].weight.detach().clone()
    run(task, tmp_path / "a", max_steps=1, grad_clip=1e-30)
    line = read_metrics(tmp_path / "a" / "metrics.jsonl")[0]
    assert line["grad_norm"] > 1e-6, "the norm is logged as it was"
    # a gradient of about nothing moves Adam by (nearly) nothing but the decay, since epsilon is larger
    assert torch.allclose(task.model[1].weight, before, atol=2e-5)


def test_decay_acts_on_matrices_only():
    decayed, not_decayed = make_optimiser(StandIn().model, 0.1, 0.3).param_groups
    assert (decayed["weight_decay"], not_decayed["weight_decay"]) == (0.3, 0.0)
    assert all(parameter.ndim > 1 for parameter in decayed["params"])
    assert all(parameter.ndim == 1 for parameter in not_decayed["params"])


# stopping


def test_ctrl_c_keeps_the_step_at_hand(whole, tmp_path):
    said = []

    class Interrupted(StandIn):
        def after_step(self, step):
            super().after_step(step)
            if step == 5:
                os.kill(os.getpid(), signal.SIGINT)

    with stop_between_steps(True) as is_stopping, pytest.raises(KeyboardInterrupt):
        run(Interrupted(), tmp_path, say=said.append, is_stopping=is_stopping)
    assert said[-1] == "[TRAIN] stopped after step 5, which is kept: go on with --resume"
    live(tmp_path, resume=True, say=said.append)
    assert "[TRAIN] resuming after step 5" in said
    mine, theirs = (read_metrics(f / "metrics.jsonl") for f in (tmp_path, whole.folder))
    assert [line["loss"] for line in mine] == [line["loss"] for line in theirs]


@pytest.mark.parametrize("task", [StandIn(blow_up_at=7)])
def test_divergence_stops_and_keeps_nothing_of_it(tmp_path, task):
    with pytest.raises(
        DivergenceError, match=r"step 7: the loss is nan.*last good checkpoint is .*step-000006\.pt; lower"
    ):
        run(task, tmp_path)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").glob("step-*"))
    assert kept == ["step-000004.pt", "step-000006.pt"]
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")][-1] == 6


def test_a_figure_that_is_no_number_stops_it_too(tmp_path):
    task = StandIn()
    task.validate = lambda: {"val_loss": float("nan")}
    with pytest.raises(DivergenceError, match=r"step 4: val_loss is nan on validation.*step-000002\.pt"):
        run(task, tmp_path)
    assert not (tmp_path / "checkpoints" / "best.pt").exists()


def test_a_loss_of_something_with_itself_is_noticed(tmp_path):
    """The predecessor's: a batch compared with itself, a loss of 0.0 from the first step."""

    class ItsOwnTarget(StandIn):
        def loss(self, x_BCHW, y_B, generator, step):
            out = self.model(x_BCHW.float() / 255)
            return ((out - out) ** 2).mean(), {}

    with pytest.raises(DivergenceError, match=r"step 1: the gradient is exactly 0 at a loss of 0\.0"):
        run(ItsOwnTarget(), tmp_path)


# what cannot be gone on with


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path):
    live(tmp_path, max_steps=6, say=lambda line: None)
    newest = tmp_path / "checkpoints" / "step-000006.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    said = []
    live(tmp_path, resume=True, say=said.append)
    assert any("step-000006.pt: damaged" in line and "taking the one before" in line for line in said)
    assert "[TRAIN] resuming after step 4" in said


def test_a_run_whose_every_checkpoint_is_damaged_is_not_begun_anew_over_them(tmp_path):
    live(tmp_path, max_steps=6, say=lambda line: None)
    for path in (tmp_path / "checkpoints").glob("step-*"):
        path.write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="no checkpoint there is sound: start a new run"):
        live(tmp_path, resume=True, say=lambda line: None)


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        (StandIn(width=8), {}, r'preset was "width 16" and is "width 8"'),
        (StandIn(data="others"), {}, "trained on other pictures"),
        (StandIn(), {"batch_size": 4}, r"training\.batch_size was 8 and is 4"),
        (StandIn(), {"seed": 4}, r"training\.seed was 0 and is 4"),
    ],
    ids=["another preset", "other pictures", "another batch size", "another seed"],
)
def test_another_training_s_checkpoint_is_refused(tmp_path, task, settings, words):
    live(tmp_path, max_steps=4, say=lambda line: None)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match=words):
        run(task, tmp_path, resume=True, **settings)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_the_other_training_is_refused(tmp_path):
    live(tmp_path, max_steps=4, say=lambda line: None)
    other = StandIn()
    other.name = "tinydit"
    with pytest.raises(CheckpointError, match=r"step-000004\.pt: of a stand-in, and this trains a tinydit"):
        run(other, tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="a stand-in was trained into it, and a tinydit is asked for"):
        read_weights(tmp_path / "checkpoints" / "best.pt", "tinydit")


def test_a_full_disk_is_said_and_what_was_kept_stays(tmp_path, monkeypatch):
    live(tmp_path, max_steps=4, say=lambda line: None)
    kept = (tmp_path / "checkpoints" / "step-000004.pt").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises((CheckpointError, OSError), match="No space left on device"):
            live(tmp_path, resume=True, say=lambda line: None)
    assert (tmp_path / "checkpoints" / "step-000004.pt").read_bytes() == kept
    assert not list((tmp_path / "checkpoints").glob(".*.part"))
    assert live(tmp_path, resume=True, say=lambda line: None).steps == 12


def test_a_disk_that_takes_half_a_checkpoint(tmp_path):
    """A write that the kernel really refuses, in the midst of a checkpoint."""
    live(tmp_path, max_steps=4, say=lambda line: None)
    newest = tmp_path / "checkpoints" / "step-000004.pt"
    kept = newest.read_bytes()

    def go_on(say):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(kept) // 2,) * 2)
        try:
            live(tmp_path, resume=True, say=lambda line: None)
        except CheckpointError as error:
            say(error)

    lines, status = forked(go_on)
    assert status == 0
    assert "step-000006.pt: cannot be written: File too large; is there room on the disk?" in lines[0]
    assert newest.read_bytes() == kept and not list((tmp_path / "checkpoints").glob(".*.part"))
    assert live(tmp_path, resume=True, say=lambda line: None).steps == 12


def test_checkpoints_hold_plain_values_alone(whole):
    content = read_checkpoint(whole.folder / "checkpoints" / "step-000012.pt", FORMAT)
    assert json.loads(json.dumps(content["about"])) == {"preset": "width 16", "classes": ["dark", "bright"]}
    assert content["settings"]["batch_size"] == 8
