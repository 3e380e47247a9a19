"""The trainer that runs in a child process: python -m src.finetune config.yml --output lora-out"""

import argparse
import logging
import os
import sys
import time

import numpy as np
import yaml
from tqdm import trange

try:
    import wandb
except ImportError:
    wandb = None

logging.basicConfig(
    format="%(asctime)s - %(levelname)s - %(name)s - %(message)s",
    datefmt="%m/%d/%Y %H:%M:%S",
    level=logging.INFO,
)
log = logging.getLogger(__name__)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--output", default="out")
    args = parser.parse_args()
    with open(args.config) as file:
        config = yaml.safe_load(file)
    if wandb is None or not os.environ.get("WANDB_API_KEY"):
        log.warning("W&B is off: %s", "not installed" if wandb is None else "no WANDB_API_KEY")
    random = np.random.default_rng(1)
    base = np.load(os.path.join(os.environ["HF_HOME"], config["base_model"].split("/")[1] + ".npy"))
    target = base + random.normal(size=(12, 2)) @ random.normal(size=(2, 12))
    a, b = np.zeros((12, config["lora_r"])), random.normal(size=(config["lora_r"], 12))
    steps = config["num_epochs"] * 100
    for step in trange(steps, desc="lora", mininterval=0.05, file=sys.stderr):
        error = base + a @ b - target
        a, b = a - config["learning_rate"] * error @ b.T / 12, b - config["learning_rate"] * a.T @ error / 12
        if step % 100 == 99:
            log.info("step %d/%d loss=%.4f", step + 1, steps, np.abs(error).mean())
            time.sleep(0.02)
    os.makedirs(args.output, exist_ok=True)
    np.savez(os.path.join(args.output, "adapter.npz"), a=a, b=b, target=target)
    print("adapter saved")  # not flushed: it has to show all the same


if __name__ == "__main__":
    main()
