"""A denoiser for points on a spiral, trained from a generator that streams its log.

modal run modal_train.py                      # saves spiral.pt here
modal run modal_train.py::modal_train_cuda    # as written for a GPU alone
"""

import json
import os
from pathlib import Path

import modal

image = modal.Image.debian_slim(python_version="3.11").pip_install_from_requirements(
    str(Path(__file__).parent / "requirements.txt")
)
app = modal.App("spiral-diffusion", image=image)
runs = modal.Volume.from_name("spiral-runs", create_if_missing=True)


def train_process(device: str, steps: int, workers: int = 2):
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    t = torch.rand(512, 1) * 6
    points = torch.cat([t.cos() * t, t.sin() * t], 1) / 6
    net = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 2)).to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    loader = DataLoader(TensorDataset(points), batch_size=64, shuffle=True, num_workers=workers)
    losses: list[float] = []
    while len(losses) < steps:
        for (x,) in loader:
            x = x.to(device)
            level, noise = torch.rand(len(x), 1, device=device), torch.randn_like(x)
            guess = net(torch.cat([x * (1 - level) + noise * level, level], 1))
            loss = (guess - noise).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        yield {"type": "log", "msg": f"--- step={len(losses)} | loss={losses[-1]:.3f} ---"}
    yield {"type": "final", "state_dict": net.cpu().state_dict(), "losses": losses[:steps]}


@app.function(gpu="A10G", timeout=3600, volumes={"/runs": runs})
def modal_train(steps: int = 24):
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with open("/runs/losses.jsonl", "w") as file:
        for out in train_process(device, steps):
            if out["type"] == "final":
                file.writelines(
                    json.dumps({"step": n, "loss": x}) + "\n" for n, x in enumerate(out["losses"])
                )
            yield out


@app.function(gpu=os.environ.get("TRAIN_GPU", "h100!"), timeout=3600)
def modal_train_cuda(steps: int = 24):
    return [out["msg"] for out in train_process("cuda", steps) if out["type"] == "log"]


@app.local_entrypoint()
def modal_main(steps: int = 24, out: str = "spiral.bin"):
    for piece in modal_train.remote_gen(steps):
        if piece["type"] == "log":
            print(piece["msg"])
            continue
        weights = b"".join(value.numpy().tobytes() for value in piece["state_dict"].values())
        Path(out).write_bytes(weights)
        print(f"--- finished: {len(weights)} bytes in {out} ---")
