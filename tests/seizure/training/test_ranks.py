"""Several processes, as torchrun starts them: each its own windows, one model, one writer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seizure.training.checkpoint import read_checkpoint
from tests.seizure.training.life import live
from training_kit.metrics import read_metrics

ROOT = Path(__file__).parents[3]


def torchrun(cache, folder, stop):
    program = ["-m", "tests.seizure.training.ranks", str(cache), str(folder), str(stop)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *program]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as run:
        try:
            words, _ = run.communicate(timeout=80)
        except subprocess.TimeoutExpired:
            run.terminate()  # torchrun ends its processes
            raise
    assert run.returncode == 0, words


@pytest.fixture(scope="module")
def ranks(cache, tmp_path_factory):
    """A run of 5 steps by two processes, resumed by two others to 6: its folder, and what each rank saw."""
    folder = tmp_path_factory.mktemp("ranks")
    seen = []
    for stop in (5, 6):
        torchrun(cache, folder, stop)
        seen.append([json.loads((folder / f"rank-{rank}-{stop}.json").read_text()) for rank in (0, 1)])
    return folder, *({key: one[key] + two[key] for key in one} for one, two in zip(*seen, strict=True))


def test_ranks_draw_different_windows(ranks):
    _, first, second = ranks
    assert len(first["draws"]) == len(second["draws"]) >= 6
    assert not set(first["draws"]) & set(second["draws"])


def test_ranks_agree_on_losses_and_validation(ranks):
    folder, first, second = ranks
    assert first["losses"] == second["losses"] and len(first["losses"]) == 6
    assert first["val"] == second["val"] and first["val"]
    assert [line["loss"] for line in read_metrics(folder / "metrics.jsonl")] == first["losses"]


def test_only_the_first_says_and_writes(ranks):
    folder, first, second = ranks
    assert second["lines"] == []
    assert any("2 x CPU" in line for line in first["lines"])
    assert any("8 windows a step" in line for line in first["lines"])
    assert "[TRAIN] resuming after step 5" in first["lines"]
    names = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert names == ["best.pt", "step-000005.pt", "step-000006.pt"]


def test_each_rank_s_random_state_is_kept(ranks):
    states = read_checkpoint(ranks[0] / "checkpoints/step-000006.pt")["random_states"]
    assert len(states) == 2
    assert not states[0]["torch"].equal(states[1]["torch"])


def test_another_number_of_processes_goes_on_and_says_so(ranks, cache):
    lines = []
    live(cache, ranks[0], resume=True, max_steps=7, say=lines.append)
    assert "[TRAIN] 2 processes then, 1 now: other batches from here on" in lines
