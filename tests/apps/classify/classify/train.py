import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
from einops import rearrange
from omegaconf import OmegaConf
from rich.progress import Progress

try:
    import wandb
except ModuleNotFoundError:
    wandb = None

logging.basicConfig(level=logging.INFO, format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s")
log = logging.getLogger("classify.train")
CONF = Path(__file__).resolve().parent.parent / "conf"


def load_config(overrides):
    given = OmegaConf.from_dotlist(list(overrides))
    base = OmegaConf.load(CONF / "config.yaml")
    name = given.get("model", base.model)
    base.model = OmegaConf.load(CONF / "model" / f"{name}.yaml")
    given.pop("model", None)
    return OmegaConf.merge(base, given)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, default=Path("outputs"))
    args, overrides = parser.parse_known_args()
    config = load_config(overrides)
    args.output.mkdir(exist_ok=True)
    OmegaConf.save(config, args.output / "config.yaml")
    log.info("W&B %s, mode %s", "found" if wandb else "absent", os.environ["WANDB_MODE"])
    random = np.random.default_rng(config.seed)
    pictures = random.normal(size=(64, 4, 4))
    x = rearrange(pictures, "n h w -> n (h w)")
    y = (x[:, :4].sum(axis=1) > 0).astype(float)
    w, epoch = np.zeros(16), 0
    last = args.output / "last.ckpt"
    if last.exists():
        with np.load(last.resolve()) as saved:
            w, epoch = saved["w"], int(saved["epoch"])
        log.info("Restored all states from the checkpoint at %s, epoch %d", last, epoch)
    with Progress() as progress:
        task = progress.add_task("fit", total=config.max_epochs, completed=epoch)
        while epoch < config.max_epochs:
            epoch += 1
            chance = 1 / (1 + np.exp(-x @ w))
            w = w + config.optim.lr * x.T @ (y - chance) / len(x)
            loss = float(-np.log(np.where(y > 0, chance, 1 - chance)).mean())
            with open(args.output / f"epoch={epoch}.ckpt", "wb") as file:
                np.savez(file, w=w, epoch=epoch)
            last.unlink(missing_ok=True)
            last.symlink_to(f"epoch={epoch}.ckpt")
            with open(args.output / "metrics.jsonl", "a") as file:
                file.write(json.dumps({"epoch": epoch, "loss": loss}) + "\n")
            progress.advance(task)
            print(f"Epoch {epoch}: train/loss={loss:.4f} (hidden {config.model.hidden})")
            if epoch == config.trainer.crash_at and not (args.output / "lost").exists():
                (args.output / "lost").touch()
                sys.stdout.flush()
                os.kill(os.getppid(), signal.SIGKILL)  # as when a machine is lost
                signal.pause()


if __name__ == "__main__":
    main()
