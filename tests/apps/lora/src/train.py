"""modal run --detach -m src.train --config=config/adapter.yml --data=data/pairs.jsonl"""

import os
import secrets
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import modal

from .common import APP_NAME, HOURS, VOLUME_CONFIG, Colors, app

GPU_CONFIG = os.environ.get("GPU_CONFIG", "a100:2")
if len(GPU_CONFIG.split(":")) <= 1:
    GPU_CONFIG += ":1"
CONTAINER_HANDLES = dict(volumes=VOLUME_CONFIG, timeout=24 * HOURS)


def run_cmd(command: str, run_folder: str):
    """Raises with the exit code, after saving what there is."""
    VOLUME_CONFIG["/pretrained"].reload()
    if code := subprocess.call(command.split(), cwd=run_folder):
        exit(code)
    VOLUME_CONFIG[next(path for path in VOLUME_CONFIG if str(path) == "/runs")].commit()


@app.function(gpu=GPU_CONFIG, **CONTAINER_HANDLES)
def train(run_folder: str, output_dir: str):
    print(f"Starting training run in {run_folder}.")
    print(f"Using {subprocess.os.environ.get('WANDB_MODE', 'online')} W&B logging, {GPU_CONFIG}.")
    run_cmd(f"{sys.executable} -m src.finetune config.yml --output {output_dir}", run_folder)
    merge_handle = merge.spawn(run_folder, output_dir)
    with open(f"{run_folder}/logs.txt", "a") as log:
        log.write(f"train finished\nmerge: {merge_handle.object_id}\n")
    VOLUME_CONFIG["/pretrained"].commit()
    return merge_handle


@app.function(gpu="T4", **CONTAINER_HANDLES)
def merge(run_folder: str, output_dir: str):
    import numpy as np

    print(f"Merge from {output_dir}")
    adapter = np.load(Path(run_folder, output_dir, "adapter.npz"))
    base = np.load("/pretrained/hf/tiny-linear-7b.npy")
    merged = base + adapter["a"] @ adapter["b"]
    folder = Path(run_folder, output_dir, "merged")
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "model.npy", merged)
    return float(np.abs(merged - adapter["target"]).mean())


@app.function(timeout=30 * 60, **{k: v for k, v in CONTAINER_HANDLES.items() if k != "timeout"})
def launch(config_raw: dict, data_raw: str, run_to_resume: str = "", preproc_only: bool = False):
    import numpy as np
    import yaml

    config = yaml.safe_load(os.path.expandvars(config_raw["config.yml"]))
    model = Path("/pretrained/hf") / (config["base_model"].split("/")[1] + ".npy")
    if not model.exists():
        print(f"Downloading {config['base_model']} ...")
        model.parent.mkdir(parents=True, exist_ok=True)
        np.save(model, np.random.default_rng(0).normal(size=(12, 12)))
        VOLUME_CONFIG["/pretrained"].commit()
    now = datetime.now().strftime("%Y-%m-%d-%H-%M-%S")
    run_name = run_to_resume or f"axo-{now}-{secrets.token_hex(2)}"
    run_folder = f"/runs/{run_name}"
    os.makedirs(run_folder, exist_ok=True)
    print(f"Preparing training run in {run_folder}, W&B project {config['wandb_project']}.")
    with open(f"{run_folder}/config.yml", "w") as file:
        yaml.safe_dump(config, file)
    with open(f"{run_folder}/data.jsonl", "w") as file:
        file.write(data_raw)
    list(VOLUME_CONFIG.values())[1].commit()
    if preproc_only:
        return run_name, None
    print("Spawning container for training.")
    return run_name, train.spawn(run_folder, "lora-out")


@app.local_entrypoint()
def main(config: str, data: str, run_to_resume: str = "", preproc_only: bool = False):
    raw_config = {"config.yml": Path(config).read_text()}
    run_name, launch_handle = launch.remote(raw_config, Path(data).read_text(), run_to_resume, preproc_only)
    Path(".last_run_name").write_text(run_name)
    if launch_handle is None:
        return
    merge_handle = launch_handle.get()
    loss = merge_handle.get()
    print(f"{Colors.GREEN}{Colors.BOLD}Training complete.{Colors.END} Run tag: {run_name}")
    print(f"merged loss {loss:.3f}, inspect with:")
    print(f"{Colors.BLUE}modal volume ls example-runs-vol {run_name}{Colors.END} ({APP_NAME})")
