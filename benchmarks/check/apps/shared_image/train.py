"""modal run train.py --config configs/unet.yaml"""

import modal

from modal_images import HOURS, models, train_image

app = modal.App("shared-image-train", image=train_image)


@app.function(gpu=["L4", "A10G"], timeout=2 * HOURS, volumes={"/models": models})
def train(config: str):
    import yaml

    from segment.fit import fit

    with open(config) as file:
        settings = yaml.safe_load(file)
    score = fit(settings["model"]["depth"], settings["training"]["steps"], f"/models/{settings['name']}.npy")
    models.commit()
    print(f"{settings['name']}: dice {score:.2f}")


@app.local_entrypoint()
def main(config: str = "configs/unet.yaml"):
    train.remote(config)
