"""Optional accelerators, types for the editor only, models found by their name.

modal run finetune_lora.py --model small
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

import modal

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel

try:
    from dotenv import load_dotenv

    load_dotenv()
except ImportError:
    pass

app = modal.App("guarded")
image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy", "pyyaml")
    .add_local_python_source("zoo")
)
adapters = modal.Volume.from_name("guarded-adapters", create_if_missing=True)


def attention(query: np.ndarray, model: PreTrainedModel | None = None):
    try:
        from flash_attn import flash_attn_func as attend
    except ImportError:
        from zoo.plain import attend
    return attend(query)


@app.function(image=image, gpu="A100-40GB", volumes={"/adapters": adapters}, timeout=5400)
def finetune(model: str = "small", rank: int = 2) -> float:
    import numpy as np

    try:
        import ujson as json
    except ModuleNotFoundError:
        import json

    registry = importlib.import_module("zoo.registry")
    network = registry.load(model)
    try:
        loss = network.fit(attention(np.eye(network.width)), rank)
        with open(f"/adapters/{model}.json", "w") as file:
            json.dump({"loss": loss, "rank": rank, "mode": os.environ.get("LORA_MODE", "plain")}, file)
    finally:
        adapters.commit()
    return loss


@app.local_entrypoint()
def main(model: str = "small"):
    print(f"{finetune.remote(model):.4f}")
