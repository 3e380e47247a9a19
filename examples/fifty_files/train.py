"""Trains a small neural network on images of digits, one file an image; knows nothing of Modal.

    python train.py --config configs/smoke_test.yaml

Reads from top to bottom: configuration, images, split, cache, training, checkpoint. BGB_LIMIT_FILES=N keeps
the first N files for training and a fifth as many for validation.
"""

import argparse
import json
import os
import pickle
import random
from pathlib import Path

import numpy as np
import yaml
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.neural_network import MLPClassifier

CLASSES = np.arange(10)
IMAGE_MAX = 16  # the scanner's counts: 0 is paper, 16 is ink


def main(config: dict) -> None:
    images_dir = Path(config["data"]["images"])
    write_images(images_dir)

    train_files, val_files = split(sorted(images_dir.glob("*.pgm")), config["data"]["validation_share"])
    train_files, val_files = limit(train_files, val_files)
    print(f"Loading {len(train_files)} train, {len(val_files)} val files")

    cache_dir = Path(config["data"]["cache"])
    print(f"[DATA] Cache: {cache_dir}")
    train_x, train_y = load(train_files, cache_dir)
    val_x, val_y = load(val_files, cache_dir)

    model = MLPClassifier(
        hidden_layer_sizes=(config["training"]["hidden_units"],),
        learning_rate_init=config["training"]["learning_rate"],
        batch_size=min(config["training"]["batch_size"], len(train_x)),
        random_state=config["seed"],
    )
    epochs = config["training"]["epochs"]
    for epoch in range(1, epochs + 1):
        model.partial_fit(train_x, train_y, classes=CLASSES)
        val_loss = log_loss(val_y, model.predict_proba(val_x), labels=CLASSES)
        val_accuracy = accuracy_score(val_y, model.predict(val_x))
        print(
            f"[TRAIN] Epoch {epoch}/{epochs}: loss {model.loss_:.4f}, "
            f"val loss {val_loss:.4f}, val accuracy {val_accuracy:.3f}"
        )

    predicted = model.predict(val_x)
    metrics = {
        "experiment": config["experiment"],
        "train_files": len(train_files),
        "val_files": len(val_files),
        "accuracy": round(float(accuracy_score(val_y, predicted)), 4),
        "macro_f1": round(float(f1_score(val_y, predicted, average="macro", zero_division=0)), 4),
    }
    save(Path(config["checkpoints"]), model, metrics)
    print(
        f"[DONE] {config['experiment']}: trained on {len(train_files)} images, "
        f"validated on {len(val_files)}: "
        f"accuracy {metrics['accuracy']:.3f}, macro F1 {metrics['macro_f1']:.3f}"
    )


def write_images(images_dir: Path) -> None:
    """Writes scikit-learn's 1,797 scanned digits as PGM files, `digit_0042_7.pgm` for a seven, once."""
    digits = load_digits()
    if images_dir.exists() and len(list(images_dir.glob("*.pgm"))) == len(digits.images):
        return
    images_dir.mkdir(parents=True, exist_ok=True)
    for number, (image_HW, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        height, width = image_HW.shape
        header = f"P5 {width} {height} {IMAGE_MAX}\n".encode()
        (images_dir / f"digit_{number:04d}_{label}.pgm").write_bytes(
            header + image_HW.astype(np.uint8).tobytes()
        )
    print(f"[DATA] Wrote {len(digits.images)} images to {images_dir}")


def split(files: list[Path], validation_share: float) -> tuple[list[Path], list[Path]]:
    """Train and validation files: shuffled with a fixed seed, so that every run has the same split."""
    files = files.copy()
    random.Random(0).shuffle(files)
    n_val = round(len(files) * validation_share)
    return files[n_val:], files[:n_val]


def limit(train_files: list[Path], val_files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Fewer files where BGB_LIMIT_FILES is set, for tests."""
    wanted = os.environ.get("BGB_LIMIT_FILES")
    if not wanted:
        return train_files, val_files
    train_files = train_files[: int(wanted)]
    val_files = val_files[: max(1, int(wanted) // 5)]
    print(f"[DEBUG] BGB_LIMIT_FILES={wanted}: using {len(train_files)} train, {len(val_files)} val files")
    return train_files, val_files


def load(files: list[Path], cache_dir: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features (file, feature) and labels (file,); features computed before come from the cache."""
    cache_dir.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, file in enumerate(files, start=1):
        cached = cache_dir / f"{file.stem}.npy"
        if not cached.exists():
            if number == 1 or number % 100 == 0 or number == len(files):
                print(f"[DATA] Processing file {number}/{len(files)}: {file.name}")
            np.save(cached, features(read_pgm(file)))
        rows.append(np.load(cached))
    labels = np.array([int(file.stem.rsplit("_", 1)[1]) for file in files])
    return np.stack(rows), labels


def read_pgm(file: Path) -> np.ndarray:
    header, _, pixels = file.read_bytes().partition(b"\n")
    _, width, height, _ = header.split()
    return np.frombuffer(pixels, dtype=np.uint8).reshape(int(height), int(width))


def features(image_HW: np.ndarray) -> np.ndarray:
    """Ink between 0 and 1, and its change from left to right and from top to bottom."""
    ink_HW = image_HW.astype(np.float32) / IMAGE_MAX
    down_HW, right_HW = np.gradient(ink_HW)
    return np.concatenate([ink_HW.ravel(), right_HW.ravel(), down_HW.ravel()])


def save(folder: Path, model: MLPClassifier, metrics: dict) -> None:
    """Writes aside and renames: an interrupted run leaves the previous checkpoint whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("model.pkl", pickle.dumps(model)),
        ("metrics.json", json.dumps(metrics, indent=2).encode()),
    ):
        unfinished = folder / f".{name}"
        unfinished.write_bytes(content)
        unfinished.rename(folder / name)
        print(f"[CHECKPOINT] {folder / name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    main(yaml.safe_load(parser.parse_args().config.read_text()))
