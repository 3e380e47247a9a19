"""A function whose environment no container had before, so that no warm parent fits it."""

import os
import time

import modal

app = modal.App("fresh")


@app.function(secrets=[modal.Secret.from_dict({"FRESH": os.environ.get("FRESH", "")})])
def entered() -> None:
    print(f"entered {time.time():.6f} {os.environ['MODAL_TASK_ID']}", flush=True)
