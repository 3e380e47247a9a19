"""One function, many configurations.

modal run deploy/app.py::train --config-path configs/smoke.yaml
modal run --detach deploy/app.py::train
"""

import os
import subprocess
import sys
from pathlib import Path

import modal

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[0] if modal.is_local() else Path("/app")

app = modal.App("yaml-configs")
results = modal.Volume.from_name("yaml-configs-results", create_if_missing=True)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install("numpy", "pyyaml")
    .env({"PYTHONPATH": "/app"})
    .add_local_dir(ROOT / "brainwave", "/app/brainwave", ignore=["**/__pycache__"])
    .add_local_dir(ROOT / "configs", "/app/configs")
)


@app.function(
    image=image,
    gpu="A100",
    timeout=86400,
    volumes={"/results": results},
    retries=modal.Retries(max_retries=3, initial_delay=1.0),
)
def train(config_path: str = "configs/full.yaml", resume: bool = True) -> None:
    os.chdir("/app")
    command = [sys.executable, "-m", "brainwave.train", config_path]
    if resume:
        command.append("--resume")
    try:
        subprocess.run(command, check=True)
    finally:
        results.commit()
