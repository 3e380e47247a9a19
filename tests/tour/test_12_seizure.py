"""The EEG pipeline as a Modal app: smoke and full runs, what leaks and does not, a container that dies.

The same commands go to Modal's cloud. The corpus is a synthetic one of a few minutes, linked as a Volume.
"""

import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from seizure.synth import make_corpus
from tests.support.account import REPOSITORY
from tests.support.leaks import descendants
from tests.support.waiting import wait_until

APP = "deploy/modal/app.py::train"
WITHOUT = shutil.ignore_patterns(
    "__pycache__", "homeport.toml"
)  # whose contract would stop a full run so small
SMOKE = ("--config-path", "configs/smoke_test.yaml")
FEW = "training.batch_size=2,training.log_every_steps=1,training.checkpoint_every_steps=2,training.workers=0"
TINY_FULL = f"model.preset=tiny,training.steps=2,data.split=official,data.release='',{FEW}"

pytestmark = [pytest.mark.once_as("user"), pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="session")
def corpus(account, torch_wheel, tmp_path_factory):
    """Eight recordings of a minute, in TUSZ's layout, that the account can read."""
    folder = account.make_folder(account.base / "tusz")
    make_corpus(folder, train_files=4, dev_files=2, eval_files=2, minutes=1.0, seed=0, processes=1)
    for path in [folder, *folder.rglob("*")]:
        account.own(path)
    return folder


@pytest.fixture
def linked(engine, homeport, corpus, modal):
    """The corpus as the Volume seizure-data, and no results from before."""
    homeport("volume", "link", "seizure-data", corpus)
    modal("volume", "delete", "--yes", "--allow-missing", "seizure-results")


def get(modal, path):
    return modal("volume", "get", "seizure-results", path, "-").content


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def run_name(said):
    return re.search(r"\[RUN\] (\S+) attempt 1: ", said)[1]


def test_the_smoke_run_as_it_is_typed(linked, modal):
    said = modal(
        "run", "--detach", APP, *SMOKE, "--max-steps", "2", "--set", FEW, cwd=REPOSITORY, timeout_s=300
    )
    assert "[DEBUG] BGB_LIMIT_FILES=50: using 4 train, 2 val files" in said.lines
    assert "Loading 4 train, 2 val files" in said.lines
    assert re.search(r"^\[DATA\] Cache: /results/cache/smoke/", said.out, re.MULTILINE)
    assert re.search(r"^\[DATA\] Processing file 1/4: \w{8}_s\d{3}_t\d{3}\.edf$", said.out, re.MULTILINE)
    assert "verdict: this is the run that was asked for" in said.lines
    run = f"runs/{run_name(said.out)}"
    assert json.loads(get(modal, f"{run}/verification.json"))["verdict"] == "verified"
    assert set(json.loads(get(modal, f"{run}/scores-eval.json"))["scores"]) >= {
        "szcore_events",
        "ovlp",
        "taes",
    }
    assert get(modal, f"{run}/report.html").lstrip().startswith("<!doctype html>")
    assert (
        "verdict: this is the run that was asked for"
        in modal("run", "deploy/modal/app.py::verify", cwd=REPOSITORY).lines
    )


def test_a_full_run_uses_all_files_whatever_leaks_from_shells_and_secrets(linked, modal, folder, account):
    for part in ("src/seizure", "src/training_kit", "configs", "deploy/modal"):
        shutil.copytree(REPOSITORY / part, folder / part, ignore=WITHOUT)
    app = folder / "deploy/modal/app.py"
    leaky = 'secrets=[*wandb_secrets(), modal.Secret.from_dict({"BGB_LIMIT_FILES": "50"})],'
    assert "secrets=wandb_secrets()," in app.read_text()
    app.write_text(app.read_text().replace("secrets=wandb_secrets(),", leaky))
    for path in folder.rglob("*"):
        account.own(path)
    said = modal("run", APP, "--set", TINY_FULL, env={"BGB_LIMIT_FILES": "50"}, timeout_s=300)
    assert "BGB_LIMIT_FILES=50 ignored: configs/tusz_train_a100.yaml is a full run" in said.lines
    assert "[DEBUG]" not in said.out
    assert "Loading 4 train, 2 val files" in said.lines
    assert re.search(r"^\[DATA\] Cache: /results/cache/tusz/", said.out, re.MULTILINE)
    assert re.search(r"BGB_LIMIT_FILES +unset +unset \(50 removed\) +ok", said.out)
    assert "verdict: this is the run that was asked for" in said.lines


def test_a_full_run_of_half_a_corpus_is_refused_once_and_names_the_setting(linked, modal):
    said = modal(
        "run", APP, "--set", "data.split=official", cwd=REPOSITORY, fails=True, timeout_s=200,
        env={"BGB_LIMIT_FILES": "50"},
    )  # fmt: skip
    wrong = "error: found 4 training and 2 validation files, expected 3734 and 933 of tusz-4667; complete"
    assert said.out.count(wrong) == 1, "a retry would find the same"
    assert "ignored" not in said.out, "the launching shell's variable never got there"


def test_a_training_whose_container_dies_goes_on_by_itself(linked, modal):
    settings = f"training.steps=60,{FEW}"
    running = modal.start("run", "--detach", APP, *SMOKE, "--set", settings, cwd=REPOSITORY)
    run = running.wait_for(r"\[RUN\] (\S+) attempt 1: ", timeout_s=200)[1]
    step = int(running.wait_for(r"\[CHECKPOINT\] \S+/step-(\d+)\.pt", timeout_s=100)[1])
    mine = [p for p in descendants(os.getpid()) if "seizure.training.run" in p.command and run in p.command]
    os.kill(parent_of(min(p.pid for p in mine)), signal.SIGKILL)  # the container's own process
    running.wait_for(rf"\[RUN\] {run} attempt 2: ", timeout_s=100)
    resumed = running.wait_for(r"\[TRAIN\] steps (\d+) to 60", timeout_s=100)
    assert step > 0 and running.text.count("[TRAIN] steps 1 to 60") == 1, resumed
    running.wait_for("verdict: this is the run that was asked for", timeout_s=150)
    assert running.wait() == 0
    assert json.loads(get(modal, f"runs/{run}/state.json"))["attempts"] == 2
    wait_until(lambda: "stopped" in modal("app", "list").out, what="the app to end")


def test_what_modal_run_would_ignore_is_refused_by_name(engine, modal):
    said = modal("run", APP, "--set", "a=1", "--set", "b=2", cwd=REPOSITORY, fails=True)
    assert "--set stands twice" in said.text
