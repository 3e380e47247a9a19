import json
import sys
from pathlib import Path

import numpy as np

from brainwave.config import load_config


def main(arguments):
    config = load_config(Path(arguments[0]))
    folder = Path(config["output_dir"]) / config["experiment"]
    folder.mkdir(parents=True, exist_ok=True)
    latest = folder / "latest.json"
    state = {"epoch": 0, "weight": 0.0}
    if "--resume" in arguments and latest.exists():
        state = json.loads(latest.read_text())
    rng = np.random.default_rng(config["seed"])
    for epoch in range(state["epoch"] + 1, config["training"]["epochs"] + 1):
        x = rng.normal(size=config["training"]["batch_size"])
        state = {
            "epoch": epoch,
            "weight": state["weight"] - config["training"]["learning_rate"] * float(x.mean()),
        }
        unfinished = latest.with_suffix(".part")
        unfinished.write_text(json.dumps(state))
        unfinished.replace(latest)
        print(f"{config['experiment']} epoch {epoch}: {state['weight']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
