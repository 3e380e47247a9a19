"""A grid of small forests, one container a combination, one table at the end.

modal run sweep.py --grid grid.yaml --seed 3 --out results.csv
python sweep.py            # the same without the modal command
"""

import csv
import os
import sys
from pathlib import Path

import modal

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "3.12"

image = (
    modal.Image.debian_slim(python_version=PYTHON)
    .pip_install_from_requirements(os.path.join(HERE, "requirements.txt"))
    .env({"OMP_NUM_THREADS": "1", "SWEEP_ROOT": "/results"})
    .add_local_dir(os.path.join(HERE, "src"), remote_path="/root/src")
)
app = modal.App("forest-sweep", image=image)
results = modal.Volume.from_name("forest-sweep", create_if_missing=True)


def combinations(grid: dict, seed: int):
    return [
        (depth, trees, fold, seed)
        for depth in grid["depth"]
        for trees in grid["trees"]
        for fold in range(grid["folds"])
    ]


@app.function(
    cpu=(0.5, 2.0),
    memory=512,
    volumes={"/results": results},
    retries=modal.Retries(max_retries=2, initial_delay=0.0),
    max_containers=2,
    scaledown_window=5,
)
def evaluate(depth: int, trees: int, fold: int, seed: int) -> dict:
    sys.path.append("/root/src")
    from forest.flaky import fail_once
    from forest.model import score_fold

    root = Path(os.environ["SWEEP_ROOT"], f"seed-{seed}")
    root.mkdir(parents=True, exist_ok=True)
    if (depth, trees, fold) == (2, 16, 1):
        fail_once("/results", results)
    accuracy = score_fold(depth, trees, fold, seed)
    name = f"d{depth}-t{trees}-f{fold}.txt"
    (root / name).write_text(f"{accuracy:.4f}\n")
    return {"depth": depth, "trees": trees, "fold": fold, "accuracy": accuracy}


@app.function()
def fold_with_a_bad_depth(depth: int) -> float:
    sys.path.append("/root/src")
    from forest.model import score_fold

    return score_fold(depth, trees=2, fold=0, seed=0)


@app.local_entrypoint()
def main(grid: str = os.path.join(HERE, "grid.yaml"), seed: int = 0, out: str = "", verbose: bool = False):
    import yaml
    from rich.console import Console
    from rich.table import Table

    todo = combinations(yaml.safe_load(Path(grid).read_text()), seed)
    rows = []
    for number, row in enumerate(evaluate.starmap(todo, order_outputs=False), 1):
        rows.append(row)
        if verbose:
            print(f"{number}/{len(todo)} {row}")
    best = max(rows, key=lambda row: row["accuracy"])
    table = Table("depth", "trees", "mean accuracy", title=f"seed {seed}")
    for depth, trees in sorted({(row["depth"], row["trees"]) for row in rows}):
        of = [row["accuracy"] for row in rows if (row["depth"], row["trees"]) == (depth, trees)]
        table.add_row(str(depth), str(trees), f"{sum(of) / len(of):.3f}")
    Console().print(table)
    print(f"best of {len(rows)}: {best['accuracy']:.3f} at depth {best['depth']}")
    if out:
        with open(out, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    failed = list(fold_with_a_bad_depth.map([1, -1, 2], return_exceptions=True))
    print("depths 1, -1, 2:", [type(one).__name__ for one in failed])


if __name__ == "__main__":
    with modal.enable_output(), app.run():
        print("alone:", evaluate.remote(2, 4, 0, 0)["accuracy"] > 0.5)
