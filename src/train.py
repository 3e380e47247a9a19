"""Trains the classifier on Modal.

    modal run --detach src/train.py --config-path configs/classifier_smoke.yaml
    modal run --detach src/train.py
    modal run src/train.py::check_imports

Can be launched from anywhere: nothing but `modal` is needed where these are typed. What machine and which
Volumes it takes is said in deploy/cats/settings.toml; docs/modal-cloud.md leads through it all.
"""

import sys

import modal

from tiny_cats import cloud

CONFIG = "configs/classifier.yaml"

cloud.refuse_old_client()
cloud.refuse_second_set()
app = modal.App("tiny-cats-classifier")
outputs = cloud.outputs()
cloud.check_config(CONFIG, sys.argv)
is_pretrained = cloud.wants_pretrained(CONFIG, sys.argv)
image = cloud.image(*(cloud.PRETRAINED if is_pretrained else ()))


@app.function(
    image=image, volumes={"/data": cloud.data(), "/outputs": outputs}, **cloud.machine("classifier")
)
def train_on_gpu(
    config_path: str = CONFIG, resume: bool = False, max_steps: int | None = None, set: str = ""
) -> None:
    """Trains as a configuration file of configs/ says; `set` overrides settings: a.b=1,c.d=2."""
    cloud.train("classifier", outputs, config_path, resume, max_steps, set)


@app.function(image=image)
def check_imports() -> None:
    """Imports every module of the training in the container, and prints where each lies."""
    cloud.import_all()


@app.local_entrypoint()
def main(
    config_path: str = CONFIG, resume: bool = False, max_steps: int | None = None, set: str = ""
) -> None:
    """Starts train_on_gpu and waits for it; with --detach it goes on when this machine sleeps."""
    call = train_on_gpu.spawn(config_path, resume, max_steps, set)
    print(f"run as {call.object_id}; `modal app logs` shows it again", flush=True)
    call.get()
