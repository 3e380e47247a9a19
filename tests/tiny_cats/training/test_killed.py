"""A run killed with kill -9 at any moment and resumed is, bit for bit, the run that was not."""

import os
import signal

import pytest
import torch

from tests.tiny_cats.training.forked import forked
from tests.tiny_cats.training.stand_in import live
from tiny_cats.training.resuming import FORMAT
from training_kit.checkpoint import read_checkpoint
from training_kit.metrics import read_metrics


def live_and_die(folder, *, after="", while_writing=0):
    """A process that trains, and is killed once it says `after`, or halfway through a write."""

    def act(say):
        if while_writing:
            die_while_writing(while_writing)
        live(folder, resume=True, say=say)

    assert forked(act, kill_after=after)[1] == -signal.SIGKILL


def die_while_writing(number):
    """Makes this process end by kill -9 in the midst of writing its checkpoint number `number`."""
    save, count = torch.save, 0

    def save_half(content, file):
        nonlocal count
        count += 1
        if count == number:
            file.write(b"half of a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        save(content, file)

    torch.save = save_half


def assert_same_run(folder, whole):
    mended, undisturbed = (read_metrics(each / "metrics.jsonl") for each in (folder, whole.folder))
    for name in ("step", "loss", "lr", "grad_norm", "accuracy", "val_loss"):
        assert [line.get(name) for line in mended] == [line.get(name) for line in undisturbed]
    for name in ("step-000012.pt", "best.pt"):
        mine, theirs = (read_checkpoint(f / "checkpoints" / name, FORMAT) for f in (folder, whole.folder))
        assert mine["step"] == theirs["step"]
        assert all(torch.equal(mine["model"][key], theirs["model"][key]) for key in theirs["model"])
        averages = zip(mine["extra"]["average"], theirs["extra"]["average"], strict=True)
        assert all(torch.equal(*pair) for pair in averages)


@pytest.mark.parametrize("moment", ["step 2/", "step 4/", "best.pt", "step-000006.pt", "step 10/"])
def test_killed_after_what_it_says_and_resumed(whole, tmp_path, moment):
    live_and_die(tmp_path, after=moment)
    assert live(tmp_path, resume=True, say=lambda line: None).steps == 12
    assert_same_run(tmp_path, whole)


@pytest.mark.parametrize(
    "number", [1, 2, 3, 5], ids=["the first", "best.pt", "after best.pt", "best.pt again"]
)
def test_killed_in_the_midst_of_writing_a_checkpoint_and_resumed(whole, tmp_path, number):
    live_and_die(tmp_path, while_writing=number)
    checkpoints = tmp_path / "checkpoints"
    assert [path for path in checkpoints.iterdir() if path.suffix == ".part"]
    live(tmp_path, resume=True, say=lambda line: None)
    assert_same_run(tmp_path, whole)
    assert not [path for path in checkpoints.iterdir() if path.suffix == ".part"], "halves are cleared away"


def test_killed_twice_before_its_first_checkpoint(whole, tmp_path):
    for _ in range(2):
        live_and_die(tmp_path, while_writing=1)
    live(tmp_path, resume=True, say=lambda line: None)
    assert_same_run(tmp_path, whole)
