"""Option 1: the files move to /app/src, where the path points.

    modal run examples/adr030/option1.py::train
    modal run examples/adr030/option1.py::train_dit

The other variants and their story: README.md beside this file.
"""

import os
import sys
from pathlib import Path

import modal

SRC = Path(__file__).parent / "src"

app = modal.App("adr030-option1")

image = (
    modal.Image.debian_slim()
    .pip_install("numpy==2.3.4")
    .add_local_file(SRC / "dataset.py", "/app/src/dataset.py")
    .add_local_file(SRC / "model.py", "/app/src/model.py")
    .add_local_file(SRC / "dit.py", "/app/src/dit.py")
    .add_local_file(SRC / "flow_matching.py", "/app/src/flow_matching.py")
)


def _initialize_container() -> None:
    """Initialize container environment for faster training start (ADR-025)."""
    sys.path.insert(0, "/app/src")
    os.chdir("/app")


@app.function(image=image, timeout=3600)
def train(steps: int = 60) -> None:
    _initialize_container()
    from dataset import cats_dataloader
    from model import cats_model

    model = cats_model()
    for step, (pictures, labels) in enumerate(cats_dataloader(steps), start=1):
        loss = model.step(pictures, labels)
        if step % 20 == 0:
            print(f"step {step}: loss {loss:.4f}")
    right = [(model.predict(x) == y).mean() for x, y in cats_dataloader(10, seed=1)]
    print(f"cat or not: {sum(right) / len(right):.1%} of 160 new pictures are right")


@app.function(image=image, timeout=3600)
def train_dit(steps: int = 60) -> None:
    _initialize_container()
    from dataset import cats_dataloader
    from dit import count_parameters, tinydit_128
    from flow_matching import EMA, FlowMatchingLoss

    model = tinydit_128()
    ema = EMA(model)
    flow_matching_loss = FlowMatchingLoss()
    print(f"TinyDiT with {count_parameters(model):,} parameters")
    for step, (pictures, _) in enumerate(cats_dataloader(steps), start=1):
        loss, gradient = flow_matching_loss(model, pictures)
        model.weights -= 4.0 * gradient
        ema.update(model)
        if step == 1 or step % 20 == 0:
            print(f"step {step}: loss {loss:.4f}")
