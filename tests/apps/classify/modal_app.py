"""Hydra-like overrides go through to the training script.

modal run modal_app.py::train -- model=linear optim.lr=0.1
modal run --detach modal_app.py::train -- max_epochs=6 trainer.crash_at=3
"""

import os
import pathlib
import subprocess
import sys

import modal

ROOT = pathlib.Path(__file__).resolve().parent
REMOTE = "/workspace/classify"
# a lab's own mirror, say: "--index-url https://packages.example/simple"
PIP_OPTIONS = os.environ.get("PIP_OPTIONS", "--prefer-binary")
IGNORED = {".git", ".venv", "outputs", "__pycache__", "wandb"}


def is_ignored(path: pathlib.Path) -> bool:
    return any(part in IGNORED for part in path.parts) or path.suffix in (".pyc", ".ckpt")


if modal.is_local():
    requirements = (ROOT / "requirements.txt").read_text().split()
else:
    requirements = []

image = (
    modal.Image.debian_slim(python_version="3.11")
    .run_commands(
        f"python -m pip install --no-cache-dir {PIP_OPTIONS} einops",
        "mkdir -p /workspace && date > /workspace/built",
    )
    .pip_install(*requirements)
    .env({"HYDRA_FULL_ERROR": "1", "WANDB_MODE": "offline"})
    .add_local_dir(".", REMOTE, ignore=is_ignored)
)
app = modal.App("classify")
checkpoints = modal.Volume.from_name("classify-checkpoints", create_if_missing=True, version=2)


@app.function(
    image=image,
    gpu="L40S",
    timeout=86400,
    volumes={f"{REMOTE}/outputs": checkpoints},
    retries=modal.Retries(max_retries=3, initial_delay=0.0, backoff_coefficient=1.0),
    secrets=[modal.Secret.from_name("wandb-secret", required_keys=["WANDB_API_KEY"])]
    if os.environ.get("USE_WANDB")
    else [],
)
def train(*overrides):
    print("argv", sys.argv[1:])
    os.chdir(REMOTE)
    print("left out:", sorted(IGNORED & set(os.listdir("."))))
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "classify.train", *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    for line in process.stdout:
        print(line, end="", flush=True)
    if process.wait():
        sys.exit(process.returncode)
    checkpoints.commit()


@app.function(image=image, volumes={"/outputs": checkpoints}, cpu=0.25, memory=256)
def report():
    for path in sorted(pathlib.Path("/outputs").rglob("*")):
        print(path, "->", os.readlink(path) if path.is_symlink() else path.stat().st_size)
