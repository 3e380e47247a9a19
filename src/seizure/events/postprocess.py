"""From a probability a sample to events: threshold, opening, closing, minimum duration, merging, in order.

All lengths are seconds and become samples at the probabilities' own rate (2.5 s are 640 samples at 256 Hz).
The published recipe of SeizureTransformer says "opening and closing of 5": its code takes 5 samples at 256
Hz, 20 ms. Such short elements undo single-sample flicker only; ours are set in seconds so that they mean the
same at any rate, and `opening_s: 0.01953125` gives exactly theirs.
"""

import numpy as np
from numpy.typing import NDArray

from seizure.config.schema import Lengths
from seizure.corpus.recording import Seizure
from seizure.events.runs import Runs, closed, opened, runs_of


def postprocess(
    p_T: NDArray[np.float32], rate_hz: float, threshold: float, lengths: Lengths
) -> list[Seizure]:
    """Events of a recording, sorted, disjoint and within it; a sample belongs where p >= threshold.

    An event's confidence is the mean probability over it (gaps that were filled included).
    NaN counts as below any threshold.
    """
    runs_R2 = shaped(runs_of(p_T >= threshold), rate_hz, lengths)
    return [
        Seizure(start / rate_hz, stop / rate_hz, "seiz", _confidence(p_T[start:stop]))
        for start, stop in runs_R2.tolist()
    ]


def shaped(runs_R2: Runs, rate_hz: float, lengths: Lengths) -> Runs:
    """Events, of the runs above the threshold; each starts where a run starts and stops where one stops."""
    runs_R2 = opened(runs_R2, samples(lengths.opening_s, rate_hz))
    runs_R2 = closed(runs_R2, samples(lengths.closing_s, rate_hz))
    runs_R2 = opened(runs_R2, samples(lengths.min_duration_s, rate_hz))
    return closed(runs_R2, samples(lengths.merge_s, rate_hz))


def samples(length_s: float, rate_hz: float) -> int:
    """`length_s` in whole samples, to the nearest."""
    return round(length_s * rate_hz)


def _confidence(p_T: NDArray[np.float32]) -> float:
    mean = float(np.mean(np.nan_to_num(p_T), dtype=np.float64))
    return min(1.0, max(0.0, mean))
