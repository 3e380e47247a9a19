"""A run that a container may lose: saves, commits, and goes on where it was.

modal run --detach long_run.py::train --run first
"""

import os
import pickle
from pathlib import Path

import modal

app = modal.App("resume")
runs = modal.Volume.from_name("resume-runs", create_if_missing=True)
image = modal.Image.debian_slim(python_version="3.11").pip_install("numpy").env({"RUNS": "/runs"})


def save(path: Path, state: dict) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(pickle.dumps(state))
    unfinished.rename(path)
    runs.commit()


@app.function(
    image=image,
    gpu="A100-80GB",
    volumes={"/runs": runs},
    timeout=12 * 60 * 60,
    retries=modal.Retries(max_retries=5, initial_delay=0.0, backoff_coefficient=1.0),
)
def train(run: str = "first", steps: int = 20, crash_at: int = 12):
    import numpy as np

    folder = Path(os.environ["RUNS"]) / run
    folder.mkdir(parents=True, exist_ok=True)
    latest = folder / "latest.pkl"
    state = pickle.loads(latest.read_bytes()) if latest.exists() else {"step": 0, "x": np.ones(3)}
    print(f"from step {state['step']}")
    resumed = state["step"] > 0
    for step in range(state["step"] + 1, steps + 1):
        state = {"step": step, "x": state["x"] * 0.9}
        if step % 5 == 0:
            save(latest, state)
        if step == crash_at and not resumed:
            os.kill(os.getpid(), 9)
    print(f"done at step {step}, {state['x'].sum():.3f}")
    runs.commit()
