"""Trains the seizure detector on Modal.

    modal run --detach deploy/modal/app.py::train --config-path configs/smoke_test.yaml
    modal run --detach deploy/modal/app.py::train
    modal run deploy/modal/app.py::verify

Only `modal` and the standard library are imported at the top, so this file can be launched from anywhere.
What data, GPU and Secrets the app has is said in settings.toml beside it; docs/modal-cloud.md leads through
it all.
"""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

import modal

HERE = Path(__file__).resolve().parent
IN_CONTAINER = Path("/root")  # where Modal puts this file, and below it what it adds
ROOT = HERE.parents[1] if modal.is_local() else IN_CONTAINER
SETTINGS: dict[str, Any] = tomllib.loads((HERE / "settings.toml").read_text())

TORCH = "torch==2.13.0"
WANDB = "wandb==0.31.0"
ATTEMPT_S = 24 * 3600  # the longest that Modal lets one attempt take
MARGIN_S = 1800  # to end by ourselves before that: last checkpoint, commit
ATTEMPTS = 9  # nine days; each goes on where the one before ended

if modal.is_local() and sum(word.partition("=")[0] == "--set" for word in sys.argv) > 1:
    sys.exit("error: --set stands twice, and modal run would take the last only: --set first=1,second=2")

app = modal.App("seizure")
results = modal.Volume.from_name(SETTINGS["results"]["volume"], create_if_missing=True)


def data() -> "modal.Volume | modal.CloudBucketMount":
    """The corpus, read-only: a Volume, or a bucket where settings.toml says so."""
    asked = SETTINGS["data"]
    if asked["source"] == "volume":
        if asked["bucket"]:
            sys.exit('error: settings.toml: data.bucket is named, data.source is "volume": say "bucket"')
        volume = modal.Volume.from_name(asked["volume"], create_if_missing=True)
        return volume.with_mount_options(read_only=True)
    if asked["source"] != "bucket" or not asked["bucket"]:
        sys.exit('error: settings.toml: data.source should be "volume", or "bucket" with the name of one')
    return modal.CloudBucketMount(
        asked["bucket"],
        key_prefix=asked["prefix"] or None,
        bucket_endpoint_url=asked["endpoint"] or None,
        secret=modal.Secret.from_name(asked["secret"]) if asked["secret"] else None,
        read_only=True,
    )


def wandb_secrets() -> list[modal.Secret]:
    name = SETTINGS["tracking"]["wandb_secret"]
    return [modal.Secret.from_name(name, required_keys=["WANDB_API_KEY"])] if name else []


image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install(TORCH)  # a layer of its own: the largest, and the one that changes least
    .uv_pip_install(requirements=[str(HERE / "requirements.txt")])
)
if SETTINGS["tracking"]["wandb_secret"]:
    image = image.uv_pip_install(WANDB)
image = (
    image.add_local_dir(ROOT / "src" / "seizure", "/root/seizure", ignore=["**/__pycache__"])
    .add_local_dir(ROOT / "src" / "training_kit", "/root/training_kit", ignore=["**/__pycache__"])
    .add_local_dir(ROOT / "configs", "/root/configs")
    .add_local_file(HERE / "settings.toml", "/root/settings.toml")
)


@app.function(
    image=image,
    gpu=SETTINGS["machine"]["gpu"] or None,
    cpu=SETTINGS["machine"]["cpu"],
    memory=SETTINGS["machine"]["memory_mib"],
    volumes={"/data": data(), "/results": results},
    secrets=wandb_secrets(),
    timeout=ATTEMPT_S,
    retries=modal.Retries(max_retries=ATTEMPTS - 1, initial_delay=1.0, backoff_coefficient=1.0),
)
def train(
    config_path: str = "configs/tusz_train_a100.yaml",
    resume: bool = False,
    max_steps: int | None = None,
    set: str = "",
) -> None:
    """Trains as a configuration file of configs/ says; `set` overrides settings: a.b=1,c.d=2.

    An attempt that is killed, or whose 24 hours are over, is followed by one that goes on with its run.
    """
    from seizure.config import resolve
    from seizure.errors import SeizureError
    from seizure.launch import launch

    try:
        status = launch(
            resolve(config_path, [set] if set else []),
            data_dir=Path("/data"),
            results_dir=Path("/results"),
            resume=resume,
            max_steps=max_steps,
            environ=os.environ,
            on_checkpoint=results.commit,
            call_id=modal.current_function_call_id() or "",
            limit_s=ATTEMPT_S - MARGIN_S,
        )
    except SeizureError as error:
        print(f"error: {error}", flush=True)
        status = 1
    finally:
        results.commit()  # a failed run's log and checkpoints are what is needed most
    if status:
        raise RuntimeError(f"the run ended with status {status}; what it said is above, in the log")


@app.function(image=image, volumes={"/results": results})
def verify(run: str = "") -> None:
    """Holds the log of a run (by default the newest) to what the run should have done."""
    from seizure.commands import run as command

    logs = sorted(Path("/results/runs").glob(f"{run or '*'}/run.log"), key=lambda log: log.stat().st_mtime)
    if not logs:
        raise RuntimeError(f"no run {run or 'at all'} in the Volume")
    print(logs[-1])
    if command(["verify", str(logs[-1])]):
        raise RuntimeError(f"{logs[-1].parent.name} is not the run that was asked for, or not finished")
