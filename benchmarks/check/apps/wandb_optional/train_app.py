"""Tracks with W&B where settings.toml names a Secret; without, it prints.

modal run train_app.py::train
"""

import os
import tomllib
from pathlib import Path

import modal

SETTINGS = tomllib.loads(Path(__file__).with_name("settings.toml").read_text())

app = modal.App("wandb-optional")
image = modal.Image.debian_slim(python_version="3.11").pip_install("numpy")
if SETTINGS["wandb"]["secret"]:
    image = image.pip_install("wandb")
image = image.add_local_file(Path(__file__).with_name("settings.toml"), "/root/settings.toml")

secrets = [modal.Secret.from_dict({"WANDB_MODE": "offline", "WANDB_PROJECT": "benchmarks"})]
if SETTINGS["wandb"]["secret"]:
    secrets.append(modal.Secret.from_name(SETTINGS["wandb"]["secret"], required_keys=["WANDB_API_KEY"]))
results = modal.Volume.from_name("wandb-optional-results", create_if_missing=True)


class Tracker:
    """W&B's interface, as far as it is used here."""

    def __init__(self, config):
        self.run = None
        if os.environ.get("WANDB_API_KEY"):
            import wandb

            self.run = wandb.init(project=os.environ["WANDB_PROJECT"], config=config)

    def log(self, **values):
        if self.run is not None:
            self.run.log(values)
        print(" ".join(f"{name}={value:.3f}" for name, value in values.items()))


@app.function(image=image, secrets=secrets, volumes={"/results": results}, timeout=4 * 60 * 60)
def train(steps: int = 5, momentum: float = 0.5):
    import numpy as np

    tracker = Tracker({"steps": steps, "momentum": momentum})
    x, speed = np.full(4, 5.0), np.zeros(4)
    for _ in range(steps):
        speed = momentum * speed - 0.2 * x
        x = x + speed
        tracker.log(loss=float((x**2).sum()))
    np.save("/results/x.npy", x)
    results.commit()
