"""The head: electrodes of the 10-20 system on a unit sphere, what they share, and TUSZ's channel pairs.

x points right, y forward, z up. Order and names are those of the referential montage, then both ears.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# name: (degrees from the vertex, degrees anticlockwise from the right ear)
_ANGLES = {
    "Fp1": (72, 108), "F3": (50, 130), "C3": (36, 180), "P3": (50, 230), "F7": (72, 144), "T3": (72, 180),
    "T5": (72, 216), "O1": (72, 252), "Fz": (36, 90), "Cz": (0, 0), "Pz": (36, 270), "Fp2": (72, 72),
    "F4": (50, 50), "C4": (36, 0), "P4": (50, 310), "F8": (72, 36), "T4": (72, 0), "T6": (72, 324),
    "O2": (72, 288), "A1": (100, 183), "A2": (100, 357),
}  # fmt: skip
ELECTRODES = tuple(_ANGLES)
SCALP = ELECTRODES[:19]

# the double banana with the coronal chain through the ears, as TUSZ annotates it
PAIRS = (
    ("Fp1", "F7"), ("F7", "T3"), ("T3", "T5"), ("T5", "O1"), ("Fp2", "F8"), ("F8", "T4"), ("T4", "T6"),
    ("T6", "O2"), ("A1", "T3"), ("T3", "C3"), ("C3", "Cz"), ("Cz", "C4"), ("C4", "T4"), ("T4", "A2"),
    ("Fp1", "F3"), ("F3", "C3"), ("C3", "P3"), ("P3", "O1"), ("Fp2", "F4"), ("F4", "C4"), ("C4", "P4"),
    ("P4", "O2"),
)  # fmt: skip


def _positions() -> Floats:
    inclination, azimuth = np.radians(np.array(list(_ANGLES.values()), dtype=np.float64)).T
    xyz = [np.sin(inclination) * np.cos(azimuth), np.sin(inclination) * np.sin(azimuth), np.cos(inclination)]
    return np.stack(xyz, axis=1).astype(np.float32)


POSITIONS = _positions()
"""(electrodes, 3) on the unit sphere."""


def index(name: str) -> int:
    return ELECTRODES.index(name)


def distances(name: str) -> Floats:
    """From one electrode to all, in head radii, (electrodes,)."""
    gaps: Floats = np.linalg.norm(POSITIONS - POSITIONS[index(name)], axis=1).astype(np.float32)
    return gaps


def field(names: Sequence[str], width: float) -> Floats:
    """What a source beneath these electrodes gives to each, (electrodes,): 1 beside it, a bell around."""
    bells = [np.exp(-(distances(name) ** 2) / (2 * width**2)) for name in names]
    strongest: Floats = np.max(bells, axis=0).astype(np.float32)
    return strongest


@lru_cache
def mixing(correlation_length: float) -> Floats:
    """A matrix that gives independent sources the correlation exp(-(d / length)^2 / 2) between electrodes."""
    gaps = np.linalg.norm(POSITIONS[:, None] - POSITIONS[None, :], axis=2).astype(np.float64)
    correlation = np.exp(-(gaps**2) / (2 * correlation_length**2)) + 0.02 * np.eye(len(ELECTRODES))
    lower = np.linalg.cholesky(correlation / 1.02)  # double: the matrix is near singular
    return lower.astype(np.float32)


def project(fields_CS: Floats, sources_ST: Floats) -> Floats:
    """What the sources give to the electrodes, (electrodes, time): the matrix product.

    By einsum, since BLAS adds up in another order with another number of threads, and so would round
    some samples otherwise: a corpus must not depend on the machine's load.
    """
    x_CT: Floats = np.einsum("cs,st->ct", fields_CS, sources_ST, optimize=False)
    return x_CT
