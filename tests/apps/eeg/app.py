"""Sleep staging as a service: deploy once, then submit nights from anywhere.

modal volume put sleep-nights data /raw
modal deploy app.py
python submit.py --epochs 30        # prints the call's id
python poll.py fc-...
"""

import logging
import os
from pathlib import Path

import modal

from sleepnet import describe

APP = "sleep-staging"
VERSION = describe()
DEBUG = os.environ.get("SLEEP_DEBUG", "0") == "1"

image = (
    modal.Image.debian_slim(python_version="3.11")
    .uv_pip_install("numpy==2.4.*")
    .env({"MNE_LOGGING_LEVEL": "WARNING"})
    .add_local_python_source("sleepnet")
)
app = modal.App(APP, image=image, tags={"project": "sleep"})
nights = modal.Volume.from_name("sleep-nights", create_if_missing=True)
dotenv = modal.Secret.from_dotenv(__file__)
log = logging.getLogger("sleep")


@app.function(volumes={"/nights": nights.read_only()}, secrets=[dotenv], max_containers=2)
def preprocess(path: str) -> tuple[str, list]:
    import numpy as np

    from sleepnet import band_power

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    features = band_power(np.load(Path("/nights/raw", path)))
    log.info("%s: %d windows, montage %s", path, len(features), os.environ["SLEEP_MONTAGE"])
    return path, features.tolist()


@app.function(volumes={"/nights": nights}, timeout=3600, env={"SLEEP_VERSION": VERSION}, secrets=[dotenv])
def fit(epochs: int = 20, run_name: str = "run"):
    import numpy as np

    nights.reload()
    names = sorted(os.listdir("/nights/raw"))
    print(f"version {os.environ['SLEEP_VERSION']}, debug {DEBUG}, local {modal.is_local()}")
    print("W&B", "on" if os.environ.get("WANDB_API_KEY") else "off")
    found = dict(preprocess.map(names))
    x = np.concatenate([found[name] for name in names])
    x = (x - x.mean(0)) / x.std(0)
    y = np.concatenate([np.arange(len(found[name])) % 2 for name in names])
    w = np.zeros(x.shape[1])
    out = Path("/nights/runs", run_name)
    out.mkdir(parents=True, exist_ok=True)
    for epoch in range(epochs):
        chance = 1 / (1 + np.exp(-x @ w))
        w += 0.5 * x.T @ (y - chance) / len(x)
        print(f"epoch {epoch + 1}/{epochs}", end="\r")
    accuracy = float(((x @ w > 0) == y).mean())
    (out / "ergebnis – final.txt").write_text(f"{accuracy:.3f} auf {len(names)} Nächten\n")
    nights.commit()
    print(f"\naccuracy {accuracy:.3f} on {len(x)} windows")
    return {"accuracy": accuracy, "nights": names}
