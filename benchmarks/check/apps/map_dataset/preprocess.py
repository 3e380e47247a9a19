"""Preprocesses a dataset shard by shard, then trains on all of it.

modal run preprocess.py --shards 4
"""

import json
import os
from pathlib import Path

import modal

app = modal.App("map-dataset")
image = modal.Image.debian_slim(python_version="3.11").uv_pip_install("numpy==2.3.4", "tqdm")
dataset = modal.Volume.from_name("map-dataset", create_if_missing=True)
DATA = Path("/data")


@app.function(image=image, volumes={str(DATA): dataset}, retries=2, max_containers=4, timeout=600)
def prepare_shard(number: int) -> int:
    import numpy as np

    target = DATA / "shards" / f"{number:03}.npy"
    if target.exists():
        return len(np.load(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    rows = rng.normal(size=(50, 4))
    unfinished = target.with_suffix(".tmp.npy")
    np.save(unfinished, rows)
    os.replace(unfinished, target)
    dataset.commit()
    return len(rows)


@app.function(image=image, volumes={str(DATA): dataset}, gpu="any", timeout=3600)
def train(epochs: int) -> dict:
    import numpy as np
    from tqdm import tqdm

    dataset.reload()
    x = np.concatenate([np.load(path) for path in sorted((DATA / "shards").glob("*.npy"))])
    centre = np.zeros(4)
    for _ in tqdm(range(epochs)):
        centre += 0.5 * (x.mean(0) - centre)
    summary = {"rows": len(x), "centre": centre.round(3).tolist()}
    try:
        (DATA / "summary.json").write_text(json.dumps(summary))
    finally:
        dataset.commit()
    return summary


@app.local_entrypoint()
def main(shards: int = 3, epochs: int = 5):
    print("prepared", sum(prepare_shard.map(range(shards), order_outputs=False)))
    print(train.remote(epochs))
