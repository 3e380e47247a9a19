"""Runs a package by `python -m` in a child process, with a log of its own.

modal run launch.py::train --experiment baseline
"""

import pathlib
import subprocess
import sys

import modal

root = pathlib.Path(__file__).parent

image = (
    modal.Image.debian_slim()
    .pip_install("numpy", "pyyaml")
    .workdir("/app")
    .add_local_dir(root / "recsys", "/app/recsys", ignore=["**/*.pyc"])
    .add_local_dir(root / "experiments", "/app/experiments")
)
app = modal.App("module-child", image=image)
runs = modal.Volume.from_name("module-child-runs", create_if_missing=True)


@app.function(volumes={"/runs": runs}, cpu=2.0, memory=1024, timeout=7200)
def train(experiment: str = "baseline", seed: int = 0):
    command = [
        sys.executable,
        "-m",
        "recsys.train",
        "--config",
        f"experiments/{experiment}.yaml",
        "--seed",
        str(seed),
    ]
    try:
        subprocess.run(command, cwd="/app", check=True)
    finally:
        runs.commit()


@app.function(volumes={"/runs": runs})
def best():
    runs.reload()
    sys.path.append("/app")
    from recsys.report import best_run

    print(best_run("/runs"))
