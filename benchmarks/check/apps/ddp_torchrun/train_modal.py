"""Data-parallel training in processes that torchrun starts; on CPUs here, on "H100:N" there.

N_PROC=2 modal run train_modal.py
"""

import os
import subprocess

import modal

N_PROC = int(os.environ.get("N_PROC", "2"))

app = modal.App("ddp-torchrun")
volume = modal.Volume.from_name("ddp-torchrun", create_if_missing=True)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("torch==2.13.0", "numpy")
    .add_local_file("ddp.py", "/root/ddp.py")
    .add_local_file("net.py", "/root/net.py")
)


@app.function(
    image=image,
    gpu=f"H100:{N_PROC}",
    timeout=3 * 60 * 60,
    volumes={"/vol": volume},
    env={"OMP_NUM_THREADS": "1", "N_PROC": str(N_PROC)},
)
def train(steps: int = 5, lr: float = 0.05):
    command = [
        "torchrun",
        "--standalone",
        f"--nproc_per_node={os.environ['N_PROC']}",
        "/root/ddp.py",
        f"--steps={steps}",
        f"--lr={lr}",
        "--out=/vol/model.pt",
    ]
    subprocess.run(command, check=True)
    volume.commit()


@app.local_entrypoint()
def main(steps: int = 5):
    train.remote(steps)
