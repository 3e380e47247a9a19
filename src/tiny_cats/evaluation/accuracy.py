"""How often a classifier is right, with 95 % intervals, against what guessing gives.

Plain accuracy is what people ask for, and it is high for one that always names the most frequent class;
balanced accuracy (the mean of the classes' recalls) is 1/K for all that do not look at their picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the normal distribution's quantile of 97.5 %


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] and the limits of its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} (95 % interval {self.low:.1%} to {self.high:.1%})"

    def facts(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Accuracy:
    """`recalls`: of the classes that have pictures, by name. `guess`: the most frequent class's share."""

    pictures: int
    accuracy: Share
    balanced: Share
    top3: Share | None
    recalls: dict[str, Share]
    guess: float

    @property
    def chance(self) -> float:
        """Balanced accuracy of a classifier that does not look at its picture."""
        return 1.0 / len(self.recalls)

    @property
    def is_above_chance(self) -> bool:
        return self.balanced.low > self.chance

    def facts(self) -> dict[str, Any]:
        """As plain values, for results.json."""
        return {
            "pictures": self.pictures,
            "accuracy": self.accuracy.facts(),
            "balanced_accuracy": self.balanced.facts(),
            "top3_accuracy": self.top3.facts() if self.top3 else None,
            "recalls": {name: share.facts() for name, share in self.recalls.items()},
            "most_frequent_class": self.guess,
            "chance": self.chance,
            "is_above_chance": self.is_above_chance,
        }


def measure_accuracy(
    p_NK: NDArray[np.floating], y_N: NDArray[np.integer], classes: Sequence[str]
) -> Accuracy:
    """`p_NK`: probabilities, or anything that rises with them. `y_N`: the true classes' numbers."""
    if len(y_N) == 0:
        raise ValueError("no pictures to measure accuracy on")
    is_right_N = p_NK.argmax(axis=1) == y_N
    counts_K = np.bincount(y_N, minlength=len(classes))
    right_K = np.bincount(y_N, weights=is_right_N, minlength=len(classes)).astype(int)
    recalls = {
        name: wilson(int(right_K[k]), int(counts_K[k])) for k, name in enumerate(classes) if counts_K[k] > 0
    }
    top3 = None
    if len(classes) > 5:
        best3_N3 = np.argsort(p_NK, axis=1)[:, -3:]
        top3 = wilson(int((best3_N3 == y_N[:, None]).any(axis=1).sum()), len(y_N))
    return Accuracy(
        pictures=len(y_N),
        accuracy=wilson(int(is_right_N.sum()), len(y_N)),
        balanced=mean_of(list(recalls.values())),
        top3=top3,
        recalls=recalls,
        guess=float(counts_K.max() / len(y_N)),
    )


def wilson(right: int, total: int, z: float = Z_95) -> Share:
    """The score interval of a share (Wilson 1927, JASA 22:209), which holds for few and for extreme ones."""
    share = right / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    # at 0 and 1 the limit is the share itself, which rounding would miss by a hair
    low, high = (0.0 if right == 0 else middle - half), (1.0 if right == total else middle + half)
    return Share(share, low, high)


def mean_of(shares: Sequence[Share]) -> Share:
    """The mean of independent shares: its limits are put together from theirs.

    L = m - sqrt(sum (p_k - l_k)^2) / K, and U likewise: the method of variance estimates recovery (Zou and
    Donner 2008, Stat. Med. 27:1693), which unlike a bootstrap has a width where every share is 0 or 1.
    """
    count = len(shares)
    mean = sum(share.value for share in shares) / count
    below = sqrt(sum((share.value - share.low) ** 2 for share in shares)) / count
    above = sqrt(sum((share.high - share.value) ** 2 for share in shares)) / count
    return Share(mean, max(0.0, mean - below), min(1.0, mean + above))
