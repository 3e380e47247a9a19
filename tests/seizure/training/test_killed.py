"""A run killed with kill -9 at any moment and resumed is, bit for bit, the run that was not."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from seizure.training.checkpoint import read_checkpoint
from tests.seizure.training.life import live
from training_kit.metrics import read_metrics

ROOT = Path(__file__).parents[3]


def live_and_die(cache, folder, seed):
    """A process that trains, killed at a random moment after it began to."""
    random_ = random.Random(seed)
    last_words = f"step {random_.choice([2, 4, 6, 8, 10])}/"
    command = [sys.executable, "-m", "tests.seizure.training.life", str(cache), str(folder), "--resume"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as life:
        for line in life.stdout:
            if last_words in line:
                break
        time.sleep(random_.uniform(0, 0.05))
        life.kill()
    assert life.returncode == -signal.SIGKILL


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_and_resumed_gives_the_same_losses_and_weights(cache, whole, tmp_path, seed):
    live_and_die(cache, tmp_path, seed)
    lines = []
    result = live(cache, tmp_path, resume=True, say=lines.append)
    mended, undisturbed = (read_metrics(folder / "metrics.jsonl") for folder in (tmp_path, whole.folder))
    for name in ("step", "loss", "lr", "grad_norm", "val_loss"):
        assert [line.get(name) for line in mended] == [line.get(name) for line in undisturbed]
    assert result.steps == 12
    for name in ("step-000012.pt", "best.pt"):
        mine, theirs = (read_checkpoint(f / "checkpoints" / name) for f in (tmp_path, whole.folder))
        assert mine["step"] == theirs["step"]
        assert all(torch.equal(mine["model"][key], theirs["model"][key]) for key in theirs["model"])
