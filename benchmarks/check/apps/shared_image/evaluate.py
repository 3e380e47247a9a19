"""modal run evaluate.py::evaluate --name unet"""

import modal

from modal_images import models, train_image

app = modal.App("shared-image-evaluate")


@app.function(image=train_image, volumes={"/models": models.read_only()}, timeout=1800)
def evaluate(name: str = "unet"):
    import numpy as np

    from segment.metrics import dice

    threshold = float(np.load(f"/models/{name}.npy"))
    rng = np.random.default_rng(7)
    truth = rng.random((16, 16)) > 0.5
    print(f"held out: {dice(truth + 0.2 * rng.normal(size=truth.shape) > threshold, truth):.2f}")
