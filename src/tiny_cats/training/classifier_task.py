"""The classifier's part of a training: strong augmentation, cross-entropy, figures on validation pictures."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from tiny_cats import augment
from tiny_cats.config.schema import ClassifierConfig
from tiny_cats.data.batches import Batch, open_batches
from tiny_cats.data.dataset import Dataset, View
from tiny_cats.errors import DataError
from tiny_cats.evaluation.accuracy import measure_accuracy
from tiny_cats.evaluation.calibration import fit_temperature, nll
from tiny_cats.evaluation.judging import logits_of
from tiny_cats.evaluation.mistakes import grid_png
from tiny_cats.model import cats_model, normalise

NAME = "classifier"


class ClassifierTask:
    """See training/task.py for what the loop calls."""

    name = NAME
    minimised = "val_loss_calibrated"
    """Not the loss as it is: that is least early on, before the network is sure of anything."""

    def __init__(self, config: ClassifierConfig, dataset: Dataset, device: torch.device) -> None:
        refuse_too_little(dataset)
        self.config, self.dataset, self.device = config, dataset, device
        self.size = config.data.size
        self.model = cats_model(
            config.model.preset, len(dataset.classes), config.model.weights, config.model.stem
        ).to(device)
        self._weights_K = class_weights(dataset.train, device) if config.loss.balanced else None

    def about(self) -> dict[str, Any]:
        return {
            "preset": self.config.model.preset,
            "stem": self.config.model.stem,
            "size": self.size,
            "stored_size": self.config.data.side,
            "classes": list(self.dataset.classes),
        }

    def data_identity(self) -> str:
        return identity_of(self.dataset)

    def batches(self, first: int) -> Iterator[Batch]:
        settings = self.config.training
        return open_batches(
            self.dataset.train, batch_size=settings.batch_size, seed=settings.seed, start_step=first
        )

    def loss(
        self, x_BCHW: Tensor, y_B: Tensor, generator: torch.Generator, step: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        y_BK = functional.one_hot(y_B, len(self.dataset.classes)).float()
        x_BCHW, y_BK = self.augmented(x_BCHW, y_BK, generator)
        logits_BK = self.model(normalise((x_BCHW + 1) * 127.5)).float()
        loss = functional.cross_entropy(
            logits_BK, y_BK, weight=self._weights_K, label_smoothing=self.config.loss.label_smoothing
        )
        return loss, {"accuracy": (logits_BK.argmax(1) == y_BK.argmax(1)).float().mean()}

    def augmented(self, x_BCHW: Tensor, y_BK: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Training pictures as the network sees them, floats in [-1, 1], and their targets."""
        asked = self.config.augment
        if asked.crop < 1:
            x_BCHW = augment.random_resized_crop(
                augment.to_float(x_BCHW), self.size, generator, scale=(asked.crop, 1.0)
            )
        else:
            x_BCHW = augment.to_float(augment.random_crop(x_BCHW, self.size, generator))
        x_BCHW = augment.flip(x_BCHW, generator)
        if asked.jitter:
            x_BCHW = augment.jitter(x_BCHW, asked.jitter, generator)
        if asked.cutout:
            x_BCHW = augment.cutout(x_BCHW, asked.cutout, generator)
        if asked.mixup:
            return augment.mix(x_BCHW, y_BK, asked.mixup, generator)
        return x_BCHW, y_BK

    def after_step(self, step: int) -> None:
        pass

    def validate(self) -> dict[str, float]:
        view = self.dataset.val
        logits_NK = logits_of(self.model, view, self.size, self.device)
        measured = measure_accuracy(logits_NK, view.labels_N, self.dataset.classes)
        return {
            "val_loss": nll(logits_NK, view.labels_N),
            self.minimised: nll(logits_NK, view.labels_N, fit_temperature(logits_NK, view.labels_N)),
            "val_accuracy": measured.accuracy.value,
            "val_balanced_accuracy": measured.balanced.value,
        }

    def sample_pictures(self, step: int, folder: Path) -> None:
        """What the network is trained on, once: whether augmentation leaves cats recognisable."""
        path = folder / "augmented.png"
        if path.exists():
            return
        batch = next(self.batches(0))
        y_BK = functional.one_hot(batch.y_B, len(self.dataset.classes)).float()
        x_BCHW, _ = self.augmented(batch.x_BCHW[:24], y_BK[:24], torch.Generator().manual_seed(0))
        x_BHWC = ((x_BCHW + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
        names = [[self.dataset.classes[k]] for k in batch.y_B[:24].tolist()]
        folder.mkdir(exist_ok=True)
        path.write_bytes(grid_png(list(x_BHWC), names))

    def extra_state(self) -> dict[str, Any]:
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        pass


def refuse_too_little(dataset: Dataset) -> None:
    """Raises DataError where nothing could be learned, or nobody could tell whether something was."""
    if len(dataset.classes) < 2:
        raise DataError(
            f"all pictures are of one class, {dataset.classes[0]}, and a classifier tells two apart: "
            "put a folder of another class beside it"
        )
    for view, setting in ((dataset.train, "train"), (dataset.val, "val")):
        if not len(view):
            raise DataError(
                f"no picture is left for the split {setting}: put more in, or change data.val_share"
            )
    split, judged = ("test", dataset.test) if len(dataset.test) else ("val", dataset.val)
    seen = [name for name, count in judged.counts.items() if count]
    if len(seen) < 2:
        raise DataError(
            f"the pictures of the split {split} are all of {seen[0]}, so nobody could tell what was learned: "
            f"put in more pictures of the others, or raise data.{split}_share"
        )


def class_weights(view: View, device: torch.device) -> Tensor:
    """Inverse shares of the training pictures, 1 in the mean over pictures; 0 for a class without any."""
    counts_K = np.bincount(view.labels_N, minlength=len(view.classes))
    weights_K = np.where(counts_K > 0, len(view) / np.maximum(counts_K, 1) / (counts_K > 0).sum(), 0.0)
    return torch.tensor(weights_K, dtype=torch.float32, device=device)


def identity_of(dataset: Dataset) -> str:
    """A digest of the pictures trained on and validated with: contents, classes and order."""
    text = "\n".join(
        f"{digest} {label}"
        for view in (dataset.train, dataset.val)
        for digest, label in zip((*view.digests, "-"), (*view.labels_N.tolist(), -1), strict=True)
    )
    return hashlib.sha256(text.encode()).hexdigest()
