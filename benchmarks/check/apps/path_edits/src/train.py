"""Modal training of a small classifier, files put to /app one by one.

modal run src/train.py
"""

import os
import sys

import modal

app = modal.App("path-edits-train")
volume = modal.Volume.from_name("path-edits", create_if_missing=True)

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy", "tqdm")
    .add_local_file("src/dataset.py", "/app/dataset.py")
    .add_local_file("src/model.py", "/app/model.py")
    .add_local_file("src/losses.py", "/app/losses.py")
    .add_local_file("src/settings.json", "/app/settings.json")
)


def _initialize_container():
    sys.path.insert(0, "/app")
    os.chdir("/app")


@app.function(image=image, volumes={"/outputs": volume}, gpu="T4", timeout=3600)
def train_on_gpu(epochs: int = 3, batch_size: int = 16):
    _initialize_container()
    import json

    import numpy as np
    from tqdm import trange

    from dataset import batches
    from model import Classifier

    settings = json.load(open("settings.json"))
    model = Classifier(settings["features"], settings["classes"])
    for epoch in trange(epochs):
        loss = np.mean([model.step(x, y, settings["rate"]) for x, y in batches(batch_size, settings)])
        print(f"epoch {epoch}: loss {loss:.3f}")
        model.save(f"/outputs/epoch-{epoch}.npz")
        volume.commit()


@app.local_entrypoint()
def main(epochs: int = 3):
    train_on_gpu.remote(epochs)
