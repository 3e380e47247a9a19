"""Trains a digit classifier on Modal, from a folder of single images.

    modal run --detach examples/fifty_files/app.py::train --config-path configs/smoke_test.yaml
    modal run --detach examples/fifty_files/app.py::train

This app has a fault, on purpose; README.md beside it tells which. The training itself is train.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import modal

HERE = Path(__file__).parent

app = modal.App("fifty-files")

results = modal.Volume.from_name("fifty-files-results", create_if_missing=True)

# W&B's key and our own BGB_ switches come along from the shell, so nobody has to keep a Secret up to date.
settings = modal.Secret.from_dict(
    {name: value for name, value in os.environ.items() if name.startswith(("WANDB_", "BGB_"))}
)

image = (
    modal.Image.debian_slim()
    .pip_install("numpy==2.3.4", "scikit-learn==1.7.2", "pyyaml==6.0.3")
    .add_local_file(HERE / "train.py", "/app/train.py")
    .add_local_dir(HERE / "configs", "/app/configs")
)


@app.function(image=image, volumes={"/results": results}, secrets=[settings], cpu=2, timeout=3600)
def train(config_path: str = "configs/full.yaml") -> None:
    """Runs train.py as a child process, with an environment of its own."""
    env = os.environ.copy()
    env["PYTHONUNBUFFERED"] = "1"

    if "smoke" in config_path.lower():
        env["BGB_LIMIT_FILES"] = "50"

    print(f"[APP] Training with {config_path}", flush=True)
    try:
        subprocess.run([sys.executable, "train.py", "--config", config_path], cwd="/app", env=env, check=True)
    finally:
        results.commit()
