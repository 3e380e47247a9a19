"""A training app's first second: import torch, then print a line."""

import json
import os
import time

import modal

app = modal.App("torch-app", image=modal.Image.debian_slim().uv_pip_install("torch==2.13.0"))
imported_at = time.time()


@app.function()
def train() -> None:
    entered_at = time.time()
    import torch

    line = {
        "task_id": os.environ["MODAL_TASK_ID"],
        "imported_at": imported_at,
        "entered_at": entered_at,
        "printed_at": time.time(),
        "torch": torch.__version__,
    }
    print("first line", json.dumps(line), flush=True)
