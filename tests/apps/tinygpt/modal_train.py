"""Train a character model on Modal.

modal run modal_train.py::prepare
modal run --detach modal_train.py::train --config config/train_tiny.py --overrides "--max_iters=40"
modal volume get tinygpt-out ckpt.pt
"""

import os
import shlex
import subprocess
from pathlib import Path

import modal

GPU_TYPE = os.environ.get("TINYGPT_GPU", "A100-80GB")
GPU_COUNT = int(os.environ.get("TINYGPT_GPUS", "2"))
HOURS = 60 * 60
PROJECT = "/root/tinygpt"
HERE = Path(__file__).parent

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_requirements(HERE / "requirements.txt")
    .env({"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"})
    .workdir(PROJECT)
    .add_local_dir(HERE, PROJECT, ignore=modal.FilePatternMatcher.from_file(HERE / ".dockerignore"))
)
app = modal.App("tinygpt", image=image)
data_volume = modal.Volume.from_name("tinygpt-data", create_if_missing=True)
out_volume = modal.Volume.from_name("tinygpt-out", create_if_missing=True)
VOLUMES = {f"{PROJECT}/data/shakespeare_char": data_volume, f"{PROJECT}/out": out_volume}


@app.function(volumes=VOLUMES, timeout=HOURS)
def prepare():
    subprocess.run(["python", "data/prepare.py"], check=True)
    data_volume.commit()


@app.function(
    gpu=f"{GPU_TYPE}:{GPU_COUNT}",
    cpu=32,
    memory=262144,
    timeout=24 * HOURS,
    retries=modal.Retries(max_retries=2, initial_delay=0.0, backoff_coefficient=1.0),
    volumes=VOLUMES,
)
def train(config: str = "config/train_tiny.py", overrides: str = ""):
    """One process for each GPU, as torchrun makes them."""
    init = "resume" if Path("out/ckpt.pt").exists() else "scratch"
    command = [
        "torchrun",
        "--standalone",
        f"--nproc_per_node={GPU_COUNT}",
        "train.py",
        config,
        f"--init_from={init}",
        *shlex.split(overrides),
    ]
    print("$", shlex.join(command))
    subprocess.run(command, check=True)
    out_volume.commit()


@app.function(volumes=VOLUMES)
def sample(start: str = "the ", length: int = 40) -> str:
    return subprocess.check_output(
        ["python", "sample.py", f"--start={start}", f"--length={length}"], text=True
    )


@app.local_entrypoint()
def main(max_iters: int = 40, start: str = "the "):
    prepare.remote()
    train.remote(overrides=f"--max_iters={max_iters}")
    print(sample.remote(start))
