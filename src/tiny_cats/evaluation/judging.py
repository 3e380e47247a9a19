"""A trained classifier judged on pictures it has not seen: figures, their pictures, and the gate.

The temperature is fitted on validation pictures, everything is reported on test pictures.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tiny_cats import augment
from tiny_cats.data.batches import in_order
from tiny_cats.data.dataset import Dataset, View
from tiny_cats.evaluation.accuracy import Accuracy, measure_accuracy
from tiny_cats.evaluation.calibration import (
    Calibration,
    fit_temperature,
    measure_calibration,
    probabilities,
    reliability_png,
)
from tiny_cats.evaluation.confusion import confusion_matrix, confusion_png
from tiny_cats.evaluation.gates import Verdict
from tiny_cats.evaluation.mistakes import Mistake, mistakes_png, worst_mistakes
from tiny_cats.model import ResNet, normalise

AT_ONCE = 256  # pictures without gradients


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a classifier is worth on one split. `calibrated`: with the temperature that validation gave."""

    split: str
    classes: tuple[str, ...]
    accuracy: Accuracy
    raw: Calibration
    calibrated: Calibration
    confusion_KK: NDArray[np.int64]
    mistakes: list[Mistake]
    paths: tuple[str, ...]  # of the mistakes' pictures

    def words(self) -> str:
        found = self.accuracy
        return (
            f"{self.split}, {found.pictures} pictures: accuracy {found.accuracy}, balanced {found.balanced}, "
            f"chance {found.chance:.1%}, the most frequent class alone {found.guess:.1%}, calibration error "
            f"{self.calibrated.error:.1%} at temperature {self.calibrated.temperature:.2f}"
        )

    def facts(self) -> dict[str, Any]:
        """As plain values, for results.json."""
        mistakes = [
            asdict(mistake) | {"path": path} for mistake, path in zip(self.mistakes, self.paths, strict=True)
        ]
        return self.accuracy.facts() | {
            "calibration": {"raw": self.raw.facts(), "calibrated": self.calibrated.facts()},
            "confusion": self.confusion_KK.tolist(),
            "mistakes": mistakes,
        }

    @property
    def verdict(self) -> Verdict:
        """The one gate of a classifier."""
        found = self.accuracy
        return Verdict(
            "above chance",
            "passed" if found.is_above_chance else "failed",
            "A classifier that does not look at its picture can be right often, where one class is frequent.",
            f"the lower limit of balanced accuracy on {self.split} pictures above {found.chance:.1%}",
            f"{found.balanced}",
        )


def judge(
    model: ResNet, dataset: Dataset, split: str, size: int, device: torch.device
) -> tuple[Judgement, dict[str, bytes]]:
    """The judgement on `split`, and its pictures by name: confusion, reliability, mistakes (PNG)."""
    view: View = getattr(dataset, split)
    temperature = fit_temperature(logits_of(model, dataset.val, size, device), dataset.val.labels_N)
    logits_NK = logits_of(model, view, size, device)
    p_NK = probabilities(logits_NK, temperature)
    mistakes = worst_mistakes(p_NK, view.labels_N, view.classes)
    numbers = [mistake.number for mistake in mistakes]
    found = Judgement(
        split,
        view.classes,
        measure_accuracy(p_NK, view.labels_N, view.classes),
        measure_calibration(logits_NK, view.labels_N),
        measure_calibration(logits_NK, view.labels_N, temperature),
        confusion_matrix(view.labels_N, p_NK.argmax(axis=1), len(view.classes)),
        mistakes,
        tuple(view.paths[number] for number in numbers),
    )
    pictures = {
        "confusion": confusion_png(found.confusion_KK, view.classes),
        "reliability": reliability_png(found.raw, found.calibrated),
        "mistakes": mistakes_png(list(view.pictures(numbers)) if numbers else [], mistakes),
    }
    return found, pictures


@torch.no_grad()
def logits_of(model: ResNet, view: View, size: int, device: torch.device) -> NDArray[np.float64]:
    """logits_NK of all pictures of a split, their middles, in its order. The model is in evaluation mode."""
    found = [
        # forward: what training compiled would be compiled anew for each other number of pictures
        model.forward(normalise(augment.centre_crop(x_BCHW.to(device), size))).double().cpu()
        for x_BCHW, _ in in_order(view, AT_ONCE)
    ]
    logits_NK: NDArray[np.float64] = torch.cat(found).numpy()
    return logits_NK
