"""Morphology of a binary signal as arithmetic on its runs: exact, and O(samples) once, O(runs) afterwards.

A run is a pair (start, stop) of sample numbers, stop excluded. `runs_R2` holds them sorted and disjoint (R
runs). On a line of zeros that goes on for ever, opening with a segment of n samples keeps the runs of at
least n, and closing fills the gaps shorter than n; no run starts or ends elsewhere. `scipy.ndimage` gives the
same on a signal padded with zeros; without padding its closing eats the ends of a run that touches the
signal's end.
"""

import numpy as np
from numpy.typing import NDArray

Runs = NDArray[np.int64]


def runs_of(mask_T: NDArray[np.bool_]) -> Runs:
    """The runs of True in `mask_T`, shape (R, 2)."""
    edges_E = np.flatnonzero(mask_T[1:] != mask_T[:-1]) + 1 if mask_T.size else np.empty(0, dtype=np.int64)
    if mask_T.size and mask_T[0]:
        edges_E = np.concatenate(([0], edges_E))
    if mask_T.size and mask_T[-1]:
        edges_E = np.concatenate((edges_E, [mask_T.size]))
    return edges_E.astype(np.int64, copy=False).reshape(-1, 2)


def opened(runs_R2: Runs, segment: int) -> Runs:
    """Binary opening with a segment of `segment` samples: the runs that it fits into."""
    return runs_R2[runs_R2[:, 1] - runs_R2[:, 0] >= segment]


def closed(runs_R2: Runs, segment: int) -> Runs:
    """Binary closing with a segment of `segment` samples: gaps that it does not fit into are filled."""
    if len(runs_R2) < 2:
        return runs_R2
    is_gap_R = runs_R2[1:, 0] - runs_R2[:-1, 1] >= max(segment, 1)
    starts = np.concatenate((runs_R2[:1, 0], runs_R2[1:, 0][is_gap_R]))
    stops = np.concatenate((runs_R2[:-1, 1][is_gap_R], runs_R2[-1:, 1]))
    return np.stack((starts, stops), axis=1)
