"""The cats pipelines as Modal apps: each command of their README, as it is typed at the repository's root.

The same commands go to Modal's cloud. Smoke runs draw their pictures themselves.
"""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.support.account import REPOSITORY
from tests.support.commands import stop_app
from tests.support.leaks import descendants
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.once_as("root"), pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("app", ["src/train.py", "src/train_dit.py"])
def test_every_module_of_the_training_can_be_imported_in_the_container(torch_wheel, modal, app):
    said = modal("run", f"{app}::check_imports", cwd=REPOSITORY, timeout_s=300)
    assert "every module of the training can be imported" in said.lines
    assert "tiny_cats.dit: /root/tiny_cats/dit.py" in said.lines
    assert "training_kit.files: /root/training_kit/files.py" in said.lines


@pytest.mark.parametrize("app", ["src/train.py", "src/train_dit.py"])
def test_help_shows_the_options_and_starts_nothing(modal, app):
    said = modal("run", app, "--help", cwd=REPOSITORY)
    assert "--config-path TEXT" in said.out and "--resume" in said.out


def get(modal, run, name):
    return modal("volume", "get", "tiny-cats-outputs", f"runs/{run}/{name}", "-").content


def state_of(modal, run):
    return json.loads(get(modal, run, "state.json"))


def assert_is_complete(modal, run):
    assert state_of(modal, run)["state"] == "finished"
    there = modal("volume", "ls", "tiny-cats-outputs", f"runs/{run}").out
    for name in ("checkpoints", "config.json", "metrics.jsonl", "results.json", "run.log"):
        assert name in there, there
    assert get(modal, run, "report.html").lstrip().lower().startswith("<!doctype html>")


def process_of(run):
    """The container's own process, which writes the run's log."""

    def writes(pid):
        try:
            opened = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
        except OSError:
            return False
        return any(path.endswith(f"{run}/run.log") for path in opened)

    return next(process.pid for process in descendants(os.getpid()) if writes(process.pid))


def test_the_classifier_s_smoke_run_as_it_is_typed(torch_wheel, modal):
    smoke = ("--config-path", "configs/classifier_smoke.yaml")
    said = modal("run", "--detach", "src/train.py", *smoke, cwd=REPOSITORY, timeout_s=380)
    run = re.search(r"\[RUN\] (\S+) attempt 1: ", said.out)[1]
    assert f"[DONE] {run}: everything is in /outputs/runs/{run}" in said.lines
    assert re.search(r"\[GATE\] above chance passed", said.out)
    assert_is_complete(modal, run)


@pytest.mark.timeout(600)
def test_tinydit_s_smoke_run_outlives_its_container_and_the_machine_it_was_typed_on(torch_wheel, modal):
    smoke = ("--config-path", "configs/tinydit_smoke.yaml", "--set", "training.checkpoint_every_steps=4")
    running = modal.start("run", "--detach", "src/train_dit.py", *smoke, cwd=REPOSITORY)
    run = running.wait_for(r"\[RUN\] (\S+) attempt 1: ", timeout_s=200)[1]
    running.wait_for(r"\[CHECKPOINT\] \S+/step-0*4\.pt", timeout_s=100)
    os.kill(process_of(run), signal.SIGKILL)
    running.wait_for(rf"\[RUN\] {run} attempt 2: ", timeout_s=100)
    running.process.kill()  # the laptop sleeps
    wait_until(lambda: state_of(modal, run)["state"] != "running", timeout_s=400, what="the run to end")
    assert state_of(modal, run)["attempts"] == 2
    assert_is_complete(modal, run)
    log = get(modal, run, "run.log")
    assert re.search(r"^\[TRAIN\] resuming after step (4|8|12|16)$", log, re.MULTILINE), log
    steps = [json.loads(line)["step"] for line in get(modal, run, "metrics.jsonl").splitlines()]
    assert steps == list(range(1, len(steps) + 1)), "no step is lost, and none is done twice"
    stop_app(modal, run=running)
