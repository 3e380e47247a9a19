"""Whole runs without the engine, as they are typed: from EDF to the report, on a corpus of a few minutes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seizure.commands import run
from seizure.synth import make_corpus

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FEW = (
    "model.preset=tiny,training.steps=8,training.batch_size=2,training.workers=0,training.warmup_steps=1,"
    "training.log_every_steps=1,training.checkpoint_every_steps=2,tracking.tensorboard=false,cache.processes=1"
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, train_files=4, dev_files=2, eval_files=0, minutes=1.0, seed=0, processes=1)
    return folder


@pytest.fixture
def train(corpus: Path, tmp_path: Path):
    """Starts `python -m seizure train`; `train("configs/x.yaml", "--resume")`."""

    def train(config: str, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "seizure", "train", config, *arguments]
        return subprocess.Popen(
            [*command, "--data", str(corpus), "--results", str(tmp_path)],
            cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", **environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    return train


def test_a_full_run_with_a_leaked_variable_is_killed_and_goes_on(train, tmp_path: Path, capfd):
    full = ("configs/tusz_train_local.yaml", "--set", f"data.split=official,data.release='',{FEW}")
    first = train(*full, BGB_LIMIT_FILES="50")
    wait_for_checkpoint(tmp_path, first)
    os.kill(training_process(first.pid), signal.SIGKILL)
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 1
    assert "BGB_LIMIT_FILES=50 ignored: configs/tusz_train_local.yaml is a full run" in said
    assert "[DEBUG]" not in said
    assert "Loading 4 train, 2 val files" in said
    assert re.search(r"\[DATA\] Processing file 1/4: \w{8}_s\d{3}_t\d{3}\.edf\n", said)
    assert "[FAILED] the training process was killed by SIGKILL" in said
    assert "UNFINISHED" in said

    second = train(*full, "--resume")
    said, _ = second.communicate(timeout=200)
    assert second.returncode == 0, said
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"[RUN] Resuming {folder}" in said
    assert "0 built, 4 there already" in said, "the cache is kept"
    assert "verdict: this is the run that was asked for" in said
    assert (folder / "report.html").stat().st_size > 10_000
    assert json.loads((folder / "state.json").read_text())["state"] == "finished"
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == list(range(1, 9))
    assert (tmp_path / "cache/tusz").is_dir() and not (tmp_path / "cache/smoke").exists()
    assert run(["verify", str(folder / "run.log")]) == 0

    third = train(*full, "--resume")
    said, _ = third.communicate(timeout=60)
    assert third.returncode == 1
    assert "is finished" in said and "Traceback" not in said

    smoke = train("configs/smoke_test.yaml", "--set", f"cache.dir=cache/tusz,{FEW}")
    said, _ = smoke.communicate(timeout=60)
    assert smoke.returncode == 1
    assert "belongs to full runs" in said and "this is a smoke run" in said


def wait_for_checkpoint(results: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not list(results.glob("runs/*/checkpoints/step-*.pt")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def training_process(launcher: int) -> int:
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return int(children[0])


def test_a_corpus_of_another_size_stops_the_run_before_anything_is_built(train, tmp_path: Path):
    process = train("configs/tusz_official.yaml")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: found 4 training and 2 validation files, expected 4664 and 1832 of tusz-2.0.3;" in said
    assert "expect.tusz-2.0.3.train: 4" in said
    assert "Traceback" not in said
    assert not (tmp_path / "cache").exists()


def test_two_devices_are_trained_on_by_torchrun(train, tmp_path: Path):
    """No GPU is needed to see two of them: each process finds none, and takes the CPU."""
    full = ("configs/tusz_train_local.yaml", "--set", f"data.split=official,data.release='',{FEW}")
    process = train(*full, "--max-steps", "2", CUDA_VISIBLE_DEVICES="0,1")
    said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    assert "on 2 x CPU" in said and "[TRAIN] steps 1 to 2 (" in said and ", 4 windows a step" in said
    assert said.count("Loading 4 train, 2 val files") == 1, "one prepares, scores and reports"
    assert said.count("\n[CHECKPOINT] ") == len(list(tmp_path.glob("runs/*/checkpoints/*.pt")))
    assert "verdict: this is the run that was asked for" in said


def test_a_run_that_trains_has_loaded_all_that_it_will_need(train, tmp_path: Path):
    """A training takes days, and its folder of code may be another's by then."""
    full = ("configs/tusz_train_local.yaml", "--set", f"data.split=official,data.release='',{FEW}")
    process = train(*full)
    wait_for_checkpoint(tmp_path, process)
    loaded = Path(f"/proc/{training_process(process.pid)}/maps").read_text()
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    for package in ("matplotlib/", "scipy/", "numpy/"):
        assert f"site-packages/{package}" in loaded, package
