import argparse
import json
from pathlib import Path

import numpy as np
import yaml

from recsys.models.factors import Factors
from .ratings import make_ratings


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    config = yaml.safe_load(Path(args.config).read_text())
    rng = np.random.default_rng(args.seed)
    ratings = make_ratings(rng)
    model = Factors(rng, ratings.shape, config["factors"])
    for step in range(config["steps"]):
        loss = model.step(ratings, config["rate"])
    print(f"{config['name']}: rmse {loss:.3f}")
    folder = Path("/runs") / config["name"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps({"rmse": loss}))


if __name__ == "__main__":
    main()
