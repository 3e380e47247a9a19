"""What GPU and how many is said in the shell, and handed on to the container by the image.

TRAIN_GPU=A100 TRAIN_GPUS=4 modal run train.py::train
"""

import os

import modal

GPU = os.environ.get("TRAIN_GPU", "T4")
COUNT = int(os.environ.get("TRAIN_GPUS", "1"))
MODEL_DIR = "/models"

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("torch==2.13.0", "numpy")
    .env({"TRAIN_GPU": GPU, "TRAIN_GPUS": str(COUNT), "TORCH_HOME": MODEL_DIR})
)

with image.imports():
    import torch

app = modal.App("env-toplevel")
models = modal.Volume.from_name("env-toplevel-models", create_if_missing=True)


@app.function(image=image, gpu=f"{GPU}:{COUNT}", volumes={MODEL_DIR: models}, timeout=2 * 3600, retries=0)
def train(steps: int = 10):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"asked for {os.environ['TRAIN_GPU']}, on {device}")
    model = torch.nn.Linear(4, 1).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    x = torch.randn(32, 4, device=device)
    for step in range(steps):
        loss = ((model(x) - x.sum(1, keepdim=True)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.state_dict(), os.path.join(MODEL_DIR, "linear.pt"))
    models.commit()
    print(f"loss {loss.item():.3f}")


@app.function(image=image, volumes={MODEL_DIR: models}, timeout=600)
def export():
    models.reload()
    state = torch.load(f"{MODEL_DIR}/linear.pt", weights_only=True)
    print({name: tuple(value.shape) for name, value in state.items()})
