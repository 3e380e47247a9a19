"""The same with a wider model. modal run src/train_wide.py"""

import os
import sys

import modal

app = modal.App("path-edits-wide")
volume = modal.Volume.from_name("path-edits", create_if_missing=True)

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy", "tqdm")
    .add_local_file("src/dataset.py", "/app/dataset.py")
    .add_local_file("src/wide_model.py", "/app/wide_model.py")
    .add_local_file("src/losses.py", "/app/losses.py")
    .add_local_file("src/settings.json", "/app/settings.json")
)


@app.function(image=image, volumes={"/outputs": volume}, gpu="T4", timeout=3600)
def train_wide_on_gpu(epochs: int = 2):
    sys.path.insert(0, "/app")
    os.chdir("/app")
    import json

    from dataset import batches
    from wide_model import WideClassifier

    with open("/app/settings.json") as file:
        settings = json.load(file)
    model = WideClassifier(settings["features"], settings["classes"])
    for epoch in range(epochs):
        for x, y in batches(8, settings):
            loss = model.step(x, y, settings["rate"])
        print(f"epoch {epoch}: loss {loss:.3f}")
    model.save("/outputs/wide.npz")
    volume.commit()


@app.local_entrypoint()
def main():
    train_wide_on_gpu.remote()
