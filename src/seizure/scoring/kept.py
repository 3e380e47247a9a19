"""What is kept of a recording so that its post-processing can be chosen after its probabilities are let go.

Events start where a run above the threshold starts and stop where one stops, so the runs are all that is
needed, with the probability summed up to each of their ends for the events' confidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from seizure.config.schema import Lengths
from seizure.corpus.recording import Seizure
from seizure.events.postprocess import samples, shaped
from seizure.events.runs import Runs, opened, runs_of
from seizure.scoring.curve import Curve, Pair, count_pair

Rows = NDArray[np.float64]  # (E, 3): start_s, stop_s, confidence


@dataclass(frozen=True, slots=True)
class KeptRuns:
    """`runs` and `sums` by threshold, both (R, 2): sample numbers, and the probability added up before
    each (double: a day's sum of float32 would lose the digits of a second's)."""

    rate_hz: int
    runs: tuple[Runs, ...]
    sums: tuple[NDArray[np.float64], ...]

    def events(self, place: int, lengths: Lengths) -> Runs:
        """(E, 2) in samples, at the threshold of that place."""
        return shaped(self.runs[place], self.rate_hz, lengths)

    def rows(self, place: int, lengths: Lengths) -> Rows:
        events_E2 = self.events(place, lengths)
        runs_R2, sums_R2 = self.runs[place], self.sums[place]
        first_E = np.searchsorted(runs_R2[:, 0], events_E2[:, 0])
        last_E = np.searchsorted(runs_R2[:, 1], events_E2[:, 1])
        means_E = (sums_R2[last_E, 1] - sums_R2[first_E, 0]) / (events_E2[:, 1] - events_E2[:, 0])
        return np.column_stack((events_E2 / self.rate_hz, np.clip(means_E, 0.0, 1.0)))


def keep(
    p_T: NDArray[np.float32], rate_hz: int, thresholds: Sequence[float], shortest_opening_s: float
) -> KeptRuns:
    """Runs of at least `shortest_opening_s`, which no setting that is tried would keep shorter ones of:
    a probability that flickers costs little memory so."""
    sums_T = np.concatenate(([0.0], np.cumsum(np.nan_to_num(p_T), dtype=np.float64)))
    shortest = samples(shortest_opening_s, rate_hz)
    runs = tuple(opened(runs_of(p_T >= threshold), shortest) for threshold in thresholds)
    return KeptRuns(rate_hz, runs, tuple(sums_T[each] for each in runs))


class Recounting:
    """Curves of the same recordings at other lengths. What was counted of the same events is remembered:
    most settings change few recordings, and comparing with the reference is what takes the time."""

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.thresholds = tuple(thresholds)
        self.kept: dict[str, KeptRuns] = {}
        self._wanted: list[tuple[str, Sequence[Seizure], float]] = []
        self._known: dict[tuple[str, bytes], Pair] = {}

    def add(
        self, recording_id: str, wanted: Sequence[Seizure], duration_s: float, kept: KeptRuns | None
    ) -> None:
        """`kept`: None for a recording that cannot be read, where nothing is detected."""
        self._wanted.append((recording_id, wanted, duration_s))
        if kept is not None:
            self.kept[recording_id] = kept

    def curve(self, lengths: Lengths) -> Curve:
        curve = Curve(self.thresholds)
        for recording_id, wanted, duration_s in self._wanted:
            kept = self.kept.get(recording_id)
            pairs = []
            for place in range(len(self.thresholds)):
                events_E2 = kept.events(place, lengths) if kept else np.empty((0, 2), np.int64)
                key = recording_id, blake2b(events_E2.tobytes(), digest_size=16).digest()
                if key not in self._known:
                    rate_hz = kept.rate_hz if kept else 1
                    found = [Seizure(start / rate_hz, stop / rate_hz) for start, stop in events_E2.tolist()]
                    self._known[key] = count_pair(wanted, duration_s, found)
                pairs.append(self._known[key])
            curve.add_counts(duration_s, pairs)
        return curve
