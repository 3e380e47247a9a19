"""Fine-tunes a tiny language model with a trainer in the manner of transformers.

modal run modal_app.py --config-path configs/small.yaml
modal run --detach modal_app.py::finetune --config-path configs/small.yaml --max-steps 40
"""

import os
import sys

import modal

app = modal.App("hf-finetune")
PROJECT = "/root/project"
MINUTES = 60

image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_requirements("requirements.txt")
    .env({"TOKENIZERS_PARALLELISM": "false", "HF_HOME": "/cache/hf"})
    .add_local_dir(".", PROJECT, ignore=["**/__pycache__", ".git", "outputs", "*.ipynb"])
)
checkpoints = modal.Volume.from_name("hf-finetune-checkpoints", create_if_missing=True)
cache = modal.Volume.from_name("hf-finetune-cache", create_if_missing=True)


@app.function(
    image=image,
    gpu="A10G",
    timeout=90 * MINUTES,
    volumes={"/checkpoints": checkpoints, "/cache": cache},
)
def finetune(config_path: str = "configs/small.yaml", max_steps: int = -1) -> float:
    os.chdir(PROJECT)
    sys.path.insert(0, PROJECT)
    from finetune.arguments import load_arguments
    from finetune.data import load_dataset
    from finetune.trainer import Trainer

    arguments = load_arguments(config_path)
    if max_steps > 0:
        arguments.max_steps = max_steps
    trainer = Trainer(arguments, load_dataset(arguments.dataset), on_save=checkpoints.commit)
    try:
        trainer.train(resume_from_checkpoint=trainer.last_checkpoint())
    finally:
        checkpoints.commit()
    print(f"HF_HOME is {os.environ['HF_HOME']}")
    return trainer.evaluate()


@app.local_entrypoint()
def main(config_path: str = "configs/small.yaml"):
    print(f"loss {finetune.remote(config_path):.3f}")
