"""Area under the ROC curve over samples, from histograms: exact to a bin's width, in fixed memory."""

import numpy as np
from numpy.typing import NDArray

BINS = 4096


class SampleAuroc:
    """Adds recordings up, one at a time."""

    def __init__(self) -> None:
        self._seizure = np.zeros(BINS, np.int64)
        self._other = np.zeros(BINS, np.int64)

    def add(self, p_T: NDArray[np.float32], is_seizure_T: NDArray[np.bool_]) -> None:
        """Probabilities of all samples of one recording, and which of them lie in a seizure."""
        bins_T = np.clip(np.nan_to_num(p_T) * BINS, 0, BINS - 1).astype(np.int16)
        self._seizure += np.bincount(bins_T[is_seizure_T], minlength=BINS)
        self._other += np.bincount(bins_T[~is_seizure_T], minlength=BINS)

    def value(self) -> float | None:
        """Chance that a seizure's sample is the more probable one, ties half; None without either."""
        pairs = int(self._seizure.sum()) * int(self._other.sum())
        if not pairs:
            return None
        other_below = np.cumsum(self._other) - self._other
        return float(np.dot(self._seizure.astype(np.float64), other_below + self._other / 2) / pairs)
