"""modal run --detach RL/modal_training/cem_cartpole.py::train --generations 3"""

import json
import multiprocessing as mp
import os
import sys
from datetime import datetime

import modal

# the package's root, wherever this file is run from
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from RL.modal_training.image_definitions import IMAGES

image = IMAGES["default"].add_local_python_source("RL")

App = modal.App("cem_cartpole", image=image)

model_volume = modal.Volume.from_name("models", create_if_missing=True)
log_volume = modal.Volume.from_name("log", create_if_missing=True)


@App.function(
    timeout=12 * 60 * 60,
    cpu=8.0,
    memory=(1024, 4096),
    volumes={"/models": model_volume, "/log": log_volume},
)
def train(generations: int = 3, population: int = 8, workers: int = 2, seed: int = 0):
    import numpy as np

    from RL.envs.rollout import episode_return

    os.chdir("/log")
    run = f"cem-{datetime.now():%Y%m%d-%H%M%S}"
    os.makedirs(run, exist_ok=True)
    random = np.random.default_rng(seed)
    mean, spread = np.zeros(4), np.ones(4)
    context = mp.get_context("spawn")  # as SubprocVecEnv does
    with context.Pool(workers) as pool, open(os.path.join(run, "events.jsonl"), "w") as events:
        for generation in range(generations):
            policies = mean + spread * random.normal(size=(population, 4))
            returns = np.array(pool.starmap(episode_return, [(policy, seed) for policy in policies]))
            best = policies[np.argsort(returns)[-3:]]
            mean, spread = best.mean(axis=0), best.std(axis=0) + 0.1
            print(json.dumps({"step": generation, "rollout/ep_rew_mean": float(returns.mean())}), file=events)
            print("-" * 40)
            print(f"| generation {generation:<5} | ep_rew_mean {returns.mean():7.1f} |")
            sys.stdout.flush()
    np.savez("/models/cem_cartpole.npz", mean=mean)
    model_volume.commit()
    log_volume.commit()
    return run, float(returns.max())


@App.function(volumes={"/models": model_volume})
def evaluate(episodes: int = 3):
    import numpy as np

    from RL.envs.rollout import episode_return

    mean = np.load("/models/cem_cartpole.npz")["mean"]
    returns = [episode_return(mean, seed) for seed in range(episodes)]
    print(f"mean return {np.mean(returns):.1f} over {episodes} episodes")


if __name__ == "__main__":
    with App.run():
        print("finished", *train.remote(generations=2))
