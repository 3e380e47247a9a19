"""Which pictures train, validate and test: whole groups of like pictures, each class in its shares.

A function of the pictures' contents and the seed alone: neither names nor the order of files matter.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRAIN, VAL, TEST = 0, 1, 2


def divide(
    digests: Sequence[str],
    groups: Sequence[int],
    labels: Sequence[int],
    *,
    val_share: float,
    test_share: float,
    seed: int,
) -> NDArray[np.int64]:
    """TRAIN, VAL or TEST of each picture.

    Of a class of n pictures val gets about `val_share` n, and at least one group where it has three; the last
    group of a class always trains.
    """
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    by_class: dict[int, list[list[int]]] = {}
    for places in members.values():
        by_class.setdefault(_label([labels[place] for place in places]), []).append(places)
    split = np.full(len(digests), TRAIN, np.int64)
    for of_class in by_class.values():
        of_class.sort(key=lambda group: order_key(min(digests[place] for place in group), seed))
        n = sum(map(len, of_class))
        start = 0
        for name, share in ((VAL, val_share), (TEST, test_share)):
            start = _take(of_class, start, share * n, split, name)
    return split


def order_key(digest: str, seed: int) -> str:
    """What pictures are put in order by: as good as random, and the same everywhere."""
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def _take(groups: list[list[int]], start: int, wanted: float, split: NDArray[np.int64], name: int) -> int:
    """Gives groups from `start` on to a split until it has about `wanted` pictures; the next start."""
    if not wanted:
        return start
    taken = 0
    while start < len(groups) - 1:
        size = len(groups[start])
        is_first_of_many = not taken and len(groups) >= 3
        if taken + size / 2 > wanted and not is_first_of_many:
            break
        split[groups[start]] = name
        taken += size
        start += 1
    return start


def _label(labels: list[int]) -> int:
    """The class that most of a group have; of equals the first."""
    counted = Counter(labels)
    return min(counted, key=lambda label: (-counted[label], label))
