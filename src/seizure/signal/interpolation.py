"""Weights that estimate a missing electrode from the others, by spherical splines.

Perrin, Pernier, Bertrand and Echallier (1989), Electroencephalography and Clinical Neurophysiology 72, 184.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legval

STIFFNESS = 4  # Perrin's m; Legendre terms; regularisation of the diagonal
TERMS = 50
REGULARISATION = 1e-5

# Places on the unit sphere: degrees from the vertex (Cz), and degrees from the nose (Fz) towards the right.
# The 10-20 system puts the outer ring 40 % of the arc below the vertex, 36 degrees apart.
_DEGREES = {
    "Cz": (0, 0), "Fz": (36, 0), "Pz": (36, 180), "C4": (36, 90), "C3": (36, -90),
    "Fp2": (72, 18), "F8": (72, 54), "T4": (72, 90), "T6": (72, 126), "O2": (72, 162),
    "Fp1": (72, -18), "F7": (72, -54), "T3": (72, -90), "T5": (72, -126), "O1": (72, -162),
    "F4": (49, 39), "F3": (49, -39), "P4": (49, 141), "P3": (49, -141),
}  # fmt: skip


def position(electrode: str) -> npt.NDArray[np.float64]:
    """Where the electrode lies on the unit sphere: x to the right, y to the nose, z up."""
    polar, azimuth = np.radians(_DEGREES[electrode])
    return np.array([np.sin(polar) * np.sin(azimuth), np.sin(polar) * np.cos(azimuth), np.cos(polar)])


def weights(missing: str, present: Sequence[str]) -> npt.NDArray[np.float32]:
    """Weights, one for each of `present`, whose sum over them estimates `missing`; together they make 1."""
    here_E3 = np.stack([position(name) for name in present])
    n = len(present)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = _g(here_E3 @ here_E3.T) + REGULARISATION * np.eye(n)
    system[n, n] = 0.0
    row = np.append(_g(here_E3 @ position(missing)), 1.0)
    # row @ inv(system) applied to (values, 0): the last weight meets the 0
    solved: npt.NDArray[np.float64] = np.linalg.solve(system.T, row)
    return solved[:n].astype(np.float32)


def _g(cosine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """g(x) of the paper's equation 3: splines of the cosine of the angle between two places."""
    order = np.arange(1, TERMS + 1)
    factors = (2 * order + 1) / (order**STIFFNESS * (order + 1.0) ** STIFFNESS * 4 * np.pi)
    return np.asarray(legval(np.clip(cosine, -1, 1), np.concatenate([[0.0], factors])))
