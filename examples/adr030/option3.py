"""Option 3: the client ships the packages by name, to /root, which is on the path already.

    modal run examples/adr030/option3.py                      # both trainings
    modal run examples/adr030/option3.py::train_on_gpu
    modal run examples/adr030/option3.py::train_dit_on_gpu

src/train.py and src/train_dit.py are made so. The other variants and their story: README.md beside this file.
"""

import os
import sys
from pathlib import Path

import modal

HERE = Path(__file__).parent
ROOT = HERE.parents[1] if modal.is_local() else HERE

if modal.is_local():
    sys.path.insert(0, str(ROOT / "src"))  # the client finds packages as Python does; src/train.py lies there

app = modal.App("adr030-option3")

image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install("torch==2.13.0")
    .uv_pip_install(requirements=[str(ROOT / "deploy/cats/requirements.txt")])
    .add_local_python_source("tiny_cats", "training_kit")
)


def _initialize_container() -> None:
    """Initialize container environment for faster training start (ADR-025)."""
    # No path to manage: add_local_python_source put the packages where Python looks
    os.makedirs("/app", exist_ok=True)
    os.chdir("/app")


def _initialize_dit_container() -> None:
    """Initialize container environment for faster DiT training start (ADR-025)."""
    os.makedirs("/app", exist_ok=True)
    os.chdir("/app")


@app.function(image=image, timeout=3600)
def train_on_gpu() -> None:
    _initialize_container()
    import torch

    from tiny_cats.data.synth import make_pictures
    from tiny_cats.dataset import cats_dataloader
    from tiny_cats.model import cats_model

    torch.manual_seed(0)
    batches = cats_dataloader(make_pictures(Path("/tmp/cats")), batch_size=16, size=64)
    x_BCHW, y_B = next(batches)
    model = cats_model(num_classes=5)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in (1, 2):
        loss = torch.nn.functional.cross_entropy(model(x_BCHW), y_B)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        print(f"step {step}: loss {loss.item():.4f}")


@app.function(image=image, timeout=3600)
def train_dit_on_gpu() -> None:
    _initialize_dit_container()
    import torch

    from tiny_cats.data.synth import make_pictures
    from tiny_cats.dataset import cats_dataloader
    from tiny_cats.dit import count_parameters, tinydit_128
    from tiny_cats.flow_matching import EMA, FlowMatchingLoss

    torch.manual_seed(0)
    batches = cats_dataloader(make_pictures(Path("/tmp/cats")), batch_size=4, size=128)
    x_BCHW, y_B = next(batches)
    model = tinydit_128(num_classes=5)
    print(f"TinyDiT with {count_parameters(model):,} parameters")
    ema, flow_matching_loss = EMA(model), FlowMatchingLoss()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in (1, 2):
        generator = torch.Generator().manual_seed(0)  # the same noise and times, so that the steps compare
        loss = flow_matching_loss(model, x_BCHW, y_B, generator, null_token=model.null_token)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        ema.update(model)
        print(f"step {step}: loss {loss.item():.4f}")


@app.local_entrypoint()
def main() -> None:
    """Both trainings, side by side."""
    for call in [train_on_gpu.spawn(), train_dit_on_gpu.spawn()]:
        call.get()
