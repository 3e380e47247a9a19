"""Which pictures show the same: perceptual hashes of 256 bits, compared with all others' and their mirrors'.

The hash says of 16 x 16 places whether the grey right of one is brighter. Two pictures that differ in at most
NEAR_BITS belong to one group, and so do those of their groups. docs/cats.md says what was measured: copies
that were compressed anew, scaled, brightened or made grey differ in a few bits, other pictures of Oxford's
in 68 and more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PLACES = 16
NEAR_BITS = 40
PAIRS_AT_ONCE = 1 << 20  # of 32 bytes each


def perceptual_hash(pixels_HWC: NDArray[np.uint8]) -> str:
    """64 hexadecimal digits of a square picture; alike for pictures that look alike."""
    grey = Image.fromarray(pixels_HWC).convert("L").resize((PLACES + 1, PLACES), Image.Resampling.BOX)
    grey_HW = np.asarray(grey)
    return np.packbits(grey_HW[:, 1:] > grey_HW[:, :-1]).tobytes().hex()


def groups_of(
    hashes: Sequence[str], mirrored: Sequence[str], near_bits: int = NEAR_BITS
) -> NDArray[np.int64]:
    """For each picture the place of its group's first; alone, its own. `mirrored`: of mirror images."""
    parent = np.arange(len(hashes))
    for first, second in near_pairs(hashes, mirrored, near_bits):
        a, b = _root(parent, first), _root(parent, second)
        parent[max(a, b)] = min(a, b)
    return np.array([_root(parent, place) for place in range(len(hashes))], np.int64)


def near_pairs(
    hashes: Sequence[str], mirrored: Sequence[str], near_bits: int = NEAR_BITS
) -> list[tuple[int, int]]:
    """All pairs (i < j) of which one, or its mirror image, is within `near_bits` of the other."""
    words, turned = _words(hashes), _words(mirrored)
    pairs: list[tuple[int, int]] = []
    block = max(1, PAIRS_AT_ONCE // max(1, len(words)))
    for start in range(0, len(words), block):
        rows = words[start : start + block, None]
        near = _distance(rows, words[None, start:]) <= near_bits
        near |= _distance(rows, turned[None, start:]) <= near_bits
        found_i, found_j = np.nonzero(np.triu(near, 1))
        pairs += zip((found_i + start).tolist(), (found_j + start).tolist(), strict=True)
    return pairs


def _words(hashes: Sequence[str]) -> NDArray[np.uint64]:
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint64).reshape(-1, PLACES * PLACES // 64)


def _distance(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.int64]:
    distance: NDArray[np.int64] = np.bitwise_count(a ^ b).sum(axis=-1, dtype=np.int64)
    return distance


def _root(parent: NDArray[np.int64], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = int(parent[place])
    return place
