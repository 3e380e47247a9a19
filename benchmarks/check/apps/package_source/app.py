"""A package of several folders, shipped by its name.

modal run app.py::train --epochs 2
"""

import modal

app = modal.App("package-source")

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install("numpy==2.3.*", "scipy")
    .add_local_python_source("cells")
    .add_local_file("cells/stains.json", "/root/cells/stains.json")
)
volume = modal.Volume.from_name("package-source", create_if_missing=True)


@app.function(image=image, volumes={"/artifacts": volume}, memory=2048, timeout=1200)
def train(epochs: int = 2, stain: str = "dapi") -> dict:
    from cells.pipeline import run_pipeline

    metrics = run_pipeline(epochs, stain, "/artifacts")
    volume.commit()
    return metrics


@app.local_entrypoint()
def main(epochs: int = 2):
    print(train.remote(epochs=epochs))
