"""Retrains every night; what is trained is a module of tasks/.

modal run nightly.py::train --task regression
modal deploy nightly.py
"""

import importlib
import logging
from pathlib import Path

import modal

logger = logging.getLogger(__name__)

app = modal.App("nightly")
image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install("git")
    .pip_install("numpy", "pyyaml", "tqdm")
    .add_local_dir("tasks", remote_path="/root/tasks")
    .add_local_dir("settings", remote_path="/root/settings")
)
models = modal.Volume.from_name("nightly-models", create_if_missing=True)


@app.function(image=image, volumes={"/models": models}, timeout=3600, retries=1)
def train(task: str = "regression", keep: int = 3):
    import yaml

    logging.basicConfig(level=logging.INFO)
    with open("/root/settings/nightly.yaml") as file:
        settings = yaml.safe_load(file)
    module = importlib.import_module(f"tasks.{task}")
    folder = Path("/models") / task
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "latest.npz"
    start = module.load(done) if done.exists() else None
    logger.info("training %s, %d rounds", task, settings["rounds"])
    try:
        loss = module.train(settings, done, start)
    finally:
        models.commit()
    print(f"{task}: {loss:.3f}")


@app.function(image=image, schedule=modal.Period(days=1), timeout=2 * 3600)
def every_night():
    for task in ("regression", "ranking"):
        train.remote(task)
