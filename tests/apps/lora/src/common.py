import os
from pathlib import PurePosixPath

import modal

APP_NAME = "example-lora"
MINUTES = 60
HOURS = 60 * MINUTES

image = (
    modal.Image.debian_slim("3.11")
    .pip_install("numpy", "pyyaml", "tqdm")
    .env({"HF_HOME": "/pretrained/hf", "HF_HUB_ENABLE_HF_TRANSFER": "1"})
    .add_local_python_source("src")
)
ALLOW_WANDB = os.environ.get("ALLOW_WANDB", "false").lower() == "true"

app = modal.App(
    APP_NAME,
    image=image,
    secrets=[
        # the same answer in the container, where the shell's variables are not
        modal.Secret.from_dict({"WANDB_PROJECT": APP_NAME, "ALLOW_WANDB": str(ALLOW_WANDB)}),
        *([modal.Secret.from_name("wandb")] if ALLOW_WANDB else []),
    ],
)
VOLUME_CONFIG: dict[str | PurePosixPath, modal.Volume] = {
    "/pretrained": modal.Volume.from_name("example-pretrained-vol", create_if_missing=True),
    PurePosixPath("/runs"): modal.Volume.from_name("example-runs-vol", create_if_missing=True),
}


class Colors:
    GREEN = "\033[0;32m"
    BLUE = "\033[0;34m"
    GRAY = "\033[0;90m"
    BOLD = "\033[1m"
    END = "\033[0m"
