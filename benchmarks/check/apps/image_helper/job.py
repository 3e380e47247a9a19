"""modal run job.py --name digits"""

import modal

from infra.images import make_image
from infra.volumes import OUT, VOLUMES, out

app = modal.App("image-helper")


@app.function(image=make_image("tqdm", data=True), volumes=VOLUMES, timeout=1800, cpu=1)
def label(name: str) -> int:
    import os

    import numpy as np
    import yaml
    from labtools.colours import nearest_colour

    with open(f"/root/labels/{name}.yaml") as file:
        labels = yaml.safe_load(file)["labels"]
    counts = {each: 0 for each in labels}
    for value in np.random.default_rng(0).random(60):
        counts[labels[int(value * len(labels))]] += 1
    with open(f"{OUT}/{name}.txt", "w") as file:
        file.write(f"{counts} {nearest_colour(0.9)} {os.environ['LAB']}")
    out.commit()
    return len(counts)


@app.function(image=make_image(), timeout=300)
def where() -> str:
    with open("/opt/lab/name") as file:
        return file.read().strip()


@app.local_entrypoint()
def main(name: str = "digits"):
    print(label.remote(name), where.remote())
