"""Run folders as the trainings leave them, with made-up figures: nothing is trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tiny_cats.config import resolve_classifier, resolve_dit
from tiny_cats.evaluation.confusion import confusion_png
from tiny_cats.runtime.grid import write_grid

CONFIGS = Path(__file__).parents[3] / "configs"
CLASSES = ["black", "siamese <b>"]
OF = {"samples": 120.0, "training pictures": 80.0, "noise": 1e4, "blurred mean": 6e3, "linear model": 700}


def make_dit_run(tmp_path: Path, outcome: str = "passed", state: str = "finished", **results: Any) -> Path:
    folder = _folder(tmp_path, "tinydit-made", resolve_dit(CONFIGS / "tinydit_smoke.yaml"), state)
    random = np.random.default_rng(0)
    for name in ("samples", "held-out-pictures", "noise", "neighbours", "training-pictures"):
        x = random.integers(0, 256, (9, 3, 32, 32), np.uint8)
        write_grid(folder / "pictures" / f"{name}.png", x, {}, columns=3)
    for step in range(10, 110, 10):
        write_grid(folder / "samples" / f"step-{step:06d}.png", x[:4], {})
    curve = [0.2, 0.1, 0.3]
    found = {
        "kind": "tinydit",
        "step": 20,
        "classes": CLASSES,
        "gates": [
            gate("velocity in the mean", outcome, "0.801 (0.1 against 0.2)"),
            gate("class of guided samples", "not judged", "no classifier"),
        ],
        "gates_enforced": True,
        "velocity": {"times": [0.1, 0.5, 0.9], "linear": [0.21, 0.2, 0.5]}
        | dict.fromkeys(("held_out", "training", "raw_held_out"), curve),
        "linear_axes": 64,
        "distances": {
            "network": "a network",
            "network_sha256": "ab12",
            "pictures": 500,
            "of": {name: {"frechet": value, "kernel": value / 1e3} for name, value in OF.items()},
        },
        "copied": {"pixels": 0.01, "features": 0.02},
        "nearness": {"samples": [0.5, 0.8], "held_out": [0.7, 0.9], "copy_below": 0.4},
    }
    put_json(folder / "results.json", found | results)
    return folder


def make_classifier_run(tmp_path: Path, state: str = "finished") -> Path:
    folder = _folder(
        tmp_path, "classifier-made", resolve_classifier(CONFIGS / "classifier_smoke.yaml"), state
    )
    share = {"value": 0.75, "low": 0.5, "high": 0.9}
    calibration = {"error": 0.1, "nll": 0.5, "brier": 0.3, "temperature": 1.2, "bins": []}
    mistake = {"number": 3, "true": "black", "named": CLASSES[1], "confidence": 0.9, "left": 0.1}
    counts = np.array([[8, 2], [3, 7]])
    (folder / "pictures").mkdir()
    (folder / "pictures" / "confusion.png").write_bytes(confusion_png(counts, CLASSES))
    split = {
        "pictures": 20,
        "accuracy": share,
        "balanced_accuracy": share,
        "top3_accuracy": None,
        "recalls": dict.fromkeys(CLASSES, share),
        "most_frequent_class": 0.5,
        "chance": 0.5,
        "is_above_chance": True,
        "calibration": {"raw": calibration, "calibrated": calibration},
        "confusion": counts.tolist(),
        "mistakes": [mistake | {"path": "black/a&b.jpg"}],
    }
    found = {"kind": "classifier", "step": 24, "classes": CLASSES, "splits": {"test": split}}
    found |= {"judged_on": "test", "gates": [gate("above chance", "passed", "75.0%")]}
    put_json(folder / "results.json", found)
    return folder


def gate(name: str, outcome: str, seen: str) -> dict[str, str]:
    return {"name": name, "outcome": outcome, "expected": "at most 0.97", "seen": seen, "why": "Because."}


def put_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def _folder(tmp_path: Path, name: str, resolved: Any, state: str) -> Path:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    resolved.save(folder / "config.json")
    put_json(folder / "state.json", {"state": state, "attempts": 2, "error": "why it failed"})
    lines = [{"step": step, "loss": 1 / step, "lr": 1e-3, "grad_norm": 1.0} for step in range(1, 21)]
    lines[-1] |= {"val_loss": 0.1, "train_loss_ema": 0.09, "pictures_a_s": 31.0, "loader_share": 0.01}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    splits = {"train": {"black": 20, CLASSES[1]: 18}, "val": {"black": 2, CLASSES[1]: 3}, "test": {}}
    left_out = [["black/cut.jpg", "truncated", "ends after <b>12</b> lines"]]
    put_json(folder / "data.json", {"size": 32, "splits": splits, "left_out": left_out})
    put_json(folder / "about.json", {"command": "python -m tiny_cats train x", "versions": {"torch": "2.13"}})
    return folder
