"""Dependencies from pyproject.toml, the package below src/.

modal run modal_job.py --trees 8
"""

import sys
from pathlib import Path

import modal

HERE = Path(__file__).parent
if modal.is_local():
    sys.path.insert(0, str(HERE / "src"))

app = modal.App("pyproject-uv")
image = (
    modal.Image.debian_slim(python_version="3.11")
    .pip_install_from_pyproject("pyproject.toml", optional_dependencies=["train"])
    .uv_pip_install("einops")
    .add_local_python_source("tabular")
)
vol = modal.Volume.from_name("pyproject-uv", create_if_missing=True, version=2)


@app.function(image=image, volumes={"/mnt/out": vol}, cpu=(0.5, 2.0), timeout=3600, max_containers=1)
def train(trees: int = 4, seed: int = 0) -> float:
    from einops import rearrange

    from tabular.config import ForestConfig
    from tabular.forest import Forest

    config = ForestConfig(trees=trees, seed=seed)
    forest = Forest(config)
    accuracy = forest.fit()
    forest.save("/mnt/out/forest.json")
    vol.commit()
    print(rearrange(forest.cuts, "(trees one) -> trees one", one=1).shape)
    return accuracy


@app.local_entrypoint()
def main(trees: int = 4):
    print(f"accuracy {train.remote(trees=trees):.2f}")
