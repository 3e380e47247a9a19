"""Whole training apps as people lay them out (tests/apps), run as their authors type it.

Each is copied into the user's folder and run once, some as root and some as an ordinary user: what containers
are for either is shown elsewhere.
"""

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.model.home import Home
from homeport.runtime import pythons
from tests.support.account import REPOSITORY, Account
from tests.support.leaks import descendants
from tests.support.waiting import wait_until

APPS = REPOSITORY / "tests" / "apps"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
as_root, as_user = pytest.mark.once_as("root"), pytest.mark.once_as("user")


@pytest.fixture
def app(account: Account, folder: Path) -> Callable[[str], Path]:
    """`app("sweep")` puts a copy of tests/apps/sweep into the test's folder, where the user then stands."""

    def copy(name: str) -> Path:
        shutil.copytree(APPS / name, folder, symlinks=True, dirs_exist_ok=True)
        account.own(*folder.rglob("*"))
        return folder

    return copy


@pytest.fixture
def torch_in_3_11(torch_wheel: str) -> None:
    """The wheel that two of the apps ask for by name."""
    folders = [Path(folder) for folder in os.environ.get("PIP_FIND_LINKS", "").split()]
    if not any(list(folder.glob("torch-2.13.0*-cp311-*.whl")) for folder in folders):
        pytest.skip("no wheel of torch 2.13.0 for Python 3.11 in PIP_FIND_LINKS")


def need_python(account: Account, series: str) -> None:
    """Skips where this Python is not installed: Homeport would fetch one."""
    if series not in pythons.present_series(Home(account.engine_home)):
        pytest.skip(f"Python {series} is not on this machine")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@as_root
def test_a_language_model_on_two_processes_is_killed_and_resumes(app, modal, torch_in_3_11):
    folder = app("tinygpt")
    assert "train has 18,720 tokens, val has 2,080 tokens" in modal("run", "modal_train.py::prepare").lines

    running = modal.start(
        "run", "--detach", "modal_train.py::train", "--overrides=--max_iters=60 --pause=0.05"
    )
    running.wait_for(r"cpu=32 asked for by train: this machine has \d+ cores?, it gets those", 60)
    running.wait_for(
        r"gpu=A100-80GB:2 asked for by train: this machine has no NVIDIA GPU, it runs on the CPU"
    )
    running.wait_for(r"Overriding: max_iters = 60")
    running.wait_for(r"device cpu, 2 processes, tokens per step 256")
    running.wait_for(r"step 20: loss \d\.\d+, saved out/ckpt\.pt")
    torchrun = next(process for process in descendants(os.getpid()) if "bin/torchrun" in process.command)
    os.kill(parent_of(torchrun.pid), signal.SIGKILL)  # the function's own process: the machine is lost
    running.wait_for(r"was killed by signal 9 \(SIGKILL\) while it worked on an input")
    resumed = int(running.wait_for(r"\[rank 0\] Resuming training from out at step (\d+)", 60)[1])
    assert 20 <= resumed < 60
    assert running.wait(60) == 0, running.text
    assert "step 60: loss" in running.text
    assert len(re.findall(r"train: +\d+%\|", running.text)) > 20
    assert not re.search(r"train:[^\n]*train:", running.text), "one state of the bar a line"

    modal("volume", "get", "tinygpt-out", "ckpt.pt")
    assert (folder / "ckpt.pt").stat().st_size > 10_000
    metrics = modal("volume", "get", "tinygpt-out", "metrics.jsonl", "-").content.splitlines()
    steps = [json.loads(line)["step"] for line in metrics]
    assert steps == list(range(10, 61, 10)), "what was committed before the end, and what followed"
    assert json.loads(metrics[-1])["loss"] < json.loads(metrics[0])["loss"] / 1.5
    left = modal("volume", "ls", "tinygpt-out").text
    assert "metrics.jsonl" in left
    assert "tmp.pt" not in left


@as_root
def test_a_denoiser_streams_its_log_and_one_that_needs_cuda_says_so_at_once(app, modal, torch_in_3_11):
    folder = app("diffusion")
    said = modal("run", "modal_train.py::modal_main", "--steps", "16")
    assert len([line for line in said.lines if re.match(r"--- step=\d+ \| loss=\d", line)]) == 2
    assert "--- finished: 776 bytes in spiral.bin ---" in said.lines
    assert (folder / "spiral.bin").stat().st_size == 776
    losses = modal("volume", "get", "spiral-runs", "losses.jsonl", "-").content.splitlines()
    assert len(losses) == 16

    said = modal("run", "modal_train.py::modal_train_cuda", fails=True, env={"TRAIN_GPU": "a100-80GB"})
    assert said.complaint.endswith("Torch not compiled with CUDA enabled")
    assert "AssertionError: Torch not compiled with CUDA enabled" in said.out
    assert "modal_train_cuda needs a GPU, and this machine has none: it was given the CPU." in said.out


@as_root
def test_a_sweep_over_a_grid_survives_a_lost_machine_and_tells_errors_apart(account, app, modal, python):
    need_python(account, "3.12")
    folder = app("sweep")
    said = modal("run", "sweep.py::main", "--seed", "3", "--out", "found.csv", "--verbose")
    assert re.search(r"^best of 18: 0\.[78]\d+ at depth 4$", said.out, re.MULTILINE)
    assert "depths 1, -1, 2: ['float', 'ValueError', 'float']" in said.lines
    assert "exited by itself with status 3 while it worked on an input" in said.out
    rows = (folder / "found.csv").read_text().splitlines()
    assert len(set(rows)) == 19
    kept = modal("volume", "ls", "forest-sweep", "seed-3").text
    assert kept.count(".txt") == 18
    assert "alone: True" in python("sweep.py").lines


@as_user
def test_a_finetune_in_a_package_spawns_its_steps_with_and_without_wandb(app, modal):
    folder = app("lora")
    train = ("run", "--detach", "-m", "src.train", "--config=config/adapter.yml", "--data=data/pairs.jsonl")
    said = modal(*train)
    run = (folder / ".last_run_name").read_text()
    assert f"Training complete.\x1b[0m Run tag: {run}" in said.out
    assert re.search(r"merged loss 0\.0\d\d, inspect with:", said.out)
    assert "W&B project example-lora." in said.out
    assert "WARNING - __main__ - W&B is off: not installed" in said.out
    assert "adapter saved" in said.lines, "printed in a child process, not flushed"
    assert "gpu=A100:2 asked for by train" in said.text
    listed = modal("volume", "ls", "example-runs-vol", f"{run}/lora-out/merged").text
    assert "model.npy" in listed

    missing = modal(*train, env={"ALLOW_WANDB": "true"}, fails=True)
    assert "Secret 'wandb' not found" in missing.err
    assert "modal secret create wandb" in missing.err
    modal("secret", "create", "wandb", "WANDB_API_KEY=a-key", "WANDB_PROJECT=from-secret")
    again = modal(*train, "--run-to-resume", run, "--preproc-only", env={"ALLOW_WANDB": "true"})
    assert f"Preparing training run in /runs/{run}, W&B project from-secret." in again.lines
    modal("secret", "delete", "wandb", "--yes")


@as_user
def test_a_detector_with_two_entrypoints_a_class_and_choices_of_gpu(app, modal):
    app("detector")
    ambiguous = modal("run", "finetune.py", fails=True)
    assert "main / app.main" in ambiguous.err
    assert "only_train / app.only_train" in ambiguous.err
    said = modal("run", "finetune.py::main")
    assert "final {'blobs-small': 1.0, 'blobs-large': 1.0}" in said.lines
    assert "loaded /root/data/runs/blobs-large/weights/last.npy" in said.lines
    assert [line for line in said.lines if line.startswith("seen")][-1] == "seen {'circle': 6, 'square': 6}"
    assert "detector leaves" in said.lines
    assert re.search(r"blobs-small 3/3: 100%", said.out)
    assert not re.search(r"blobs-[^\n]*/s\][^\n]*blobs-", said.out), "one state of a progress bar a line"
    assert "gpu=H100 asked for by train" in said.text
    assert "accuracy 1.00" in modal("run", "finetune.py::only_train", "--name", "blobs-small").lines
    results = modal("volume", "get", "blob-finetune", "runs/blobs-small/results.csv", "-").content
    assert [line.split(",")[0] for line in results.splitlines()] == ["1", "2", "3", "1"]
    modal("volume", "get", "blob-finetune", "dataset/blobs-small/labels – übersicht.csv", "labels.csv")


@as_root
def test_reinforcement_learning_in_worker_processes(account, app, modal):
    need_python(account, "3.12")
    app("rl_cem")
    script = "RL/modal_training/cem_cartpole.py"
    said = modal("run", f"{script}::train", "--generations", "2", "--population", "4")
    assert re.findall(r"generation (\d)", said.out) == ["0", "1"]
    assert re.search(
        r"mean return \d+\.\d over 2 episodes", modal("run", f"{script}::evaluate", "--episodes", "2").out
    )
    (run,) = re.findall(r"cem-\d{8}-\d{6}", modal("volume", "ls", "log").text)
    events = modal("volume", "get", "log", f"{run}/events.jsonl", "-").content.splitlines()
    assert [json.loads(event)["step"] for event in events] == [0, 1]


@as_user
def test_overrides_reach_a_child_process_that_resumes_behind_a_link(app, modal):
    folder = app("classify")
    (folder / "outputs").mkdir()
    (folder / "outputs" / "old.ckpt").write_text("not to be sent")
    train = ("run", "modal_app.py::train", "--", "model=linear", "max_epochs=5", "trainer.crash_at=3")
    missing = modal(*train, env={"USE_WANDB": "1"}, fails=True)
    assert "wandb-secret" in missing.err
    said = modal(*train)
    assert "pip install --no-cache-dir --prefer-binary einops" in missing.out + said.out
    assert said.lines.count("argv []") == 2
    assert "was killed by signal 9" in said.out
    assert "Restored all states from the checkpoint at outputs/last.ckpt, epoch 3" in said.out
    assert "Epoch 5: train/loss=0.4300 (hidden 0)" in said.lines
    report = modal("run", "modal_app.py::report").out
    assert "/outputs/last.ckpt -> epoch=5.ckpt" in report
    assert "old.ckpt" not in report
    modal("volume", "get", "classify-checkpoints", "metrics.jsonl")
    epochs = [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert epochs == [1, 2, 3, 4, 5]


@as_user
def test_a_deployed_service_is_given_nights_and_asked_from_other_processes(account, app, modal, python):
    folder = app("eeg")
    python("make_data.py", "store")
    (folder / "data").symlink_to("store")
    modal("volume", "create", "sleep-nights")
    modal("volume", "put", "sleep-nights", "data", "/raw")
    assert "ST7022 夜.npy" in modal("volume", "ls", "sleep-nights", "/raw").text
    modal("deploy", "app.py")
    call = python("submit.py", "--epochs", "30", "--run-name", "nacht").lines[-1]
    said = python("poll.py", call)
    assert re.search(r"accuracy 1\.00 from SC4001 – Zürich\.npy, SC4002\.npy, ST7011_ñandú\.npy", said.out)
    modal("volume", "get", "sleep-nights", "runs/nacht/ergebnis – final.txt", "got.txt")
    assert (folder / "got.txt").read_text() == "1.000 auf 4 Nächten\n"
    logs = modal("app", "logs", "sleep-staging").out
    assert "INFO sleep: SC4002.npy: 8 windows, montage C3-M2" in logs
    assert "version unknown, debug False, local False" in logs
    assert "W&B off" in logs
    modal("app", "stop", "sleep-staging", "--yes")


@as_user
def test_speech_over_an_image_of_cuda_for_which_this_machine_stands(app, modal, homeport):
    folder = app("speech")
    homeport("image", "alias", "nvidia/cuda:*", "debian")
    said = modal("run", "modal_finetune.py", "--num-speakers", "2", env={"GPUS": "2"})
    assert "nvidia/cuda:12.4.0-devel-ubuntu22.04 was asked for, debian is used" in said.out
    assert said.out.count("WAVE audio, Microsoft PCM, 16 bit, mono 8000 Hz") == 4
    assert "{'step': 60, 'wer': 0.0}" in said.lines
    assert "trained on 4 clips, model in /assets/acme--tone-tiny" in said.lines
    assert "gpu=H100:2 asked for by train" in said.err
    assert "ephemeral_disk= is not enforced" in said.err
    modal("volume", "get", "speech-assets", "acme--tone-tiny/model.npz")
    assert (folder / "model.npz").stat().st_size > 500
    homeport("image", "alias", "--remove", "nvidia/cuda:*")


@as_root
def test_cells_of_a_notebook_run_serialised_and_detached(app, python, modal):
    app("notebook")
    assert "best 5" in python("launch.py").lines
    said = python("launch.py", "--detach")
    call = re.search(r"SPAWNED: (fc-\w+)", said.out)[1]
    waits = "import modal, sys; print('degree', modal.FunctionCall.from_id(sys.argv[1]).get(timeout=30))"
    assert "degree 5" in python("-c", waits, call).lines

    def committed():
        found = modal("volume", "get", "notebook-out", "errors.csv", "-")
        return found.content.splitlines()

    assert [line.split(",")[0] for line in wait_until(committed)] == ["1", "3", "5"]
    wait_until(lambda: "ephemeral" not in modal("app", "list", "--json").out)
