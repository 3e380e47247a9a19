"""One pass over a split's recordings: events at every threshold, and what is added up over recordings.

Each recording's probabilities are let go before the next one's; kept are the events, and for the report the
highest probability of each quarter of a second.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seizure import cache
from seizure.cache.shard import SUFFIX, ShardInfo, shard_path
from seizure.corpus import Seizure
from seizure.events import postprocess
from seizure.inference import probabilities
from seizure.scoring.auroc import SampleAuroc
from seizure.scoring.curve import Curve
from seizure.scoring.fit import Fitted, shortest_opening_s
from seizure.scoring.kept import KeptRuns, Recounting, keep
from seizure.scoring.opened import OpenedRun
from seizure.scoring.reference import Reference
from training_kit import files

PROBABILITY_HZ = 4  # of the probabilities that are kept

Announce = Callable[[int, int, str], None]


@dataclass(slots=True)
class Scanned:
    """`rows` holds each readable recording's events by threshold, as arrays (start_s, stop_s, confidence)."""

    curve: Curve
    auroc: SampleAuroc = field(default_factory=SampleAuroc)
    rows: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    recounting: Recounting | None = None  # where lengths are to be fitted

    def detections(self, threshold: float) -> dict[str, list[Seizure]]:
        """Events by recording id; without those recordings that cannot be read."""
        place = self.curve.thresholds.index(threshold)
        return {
            name: [Seizure(start, stop, "seiz", sure) for start, stop, sure in rows[place].tolist()]
            for name, rows in self.rows.items()
        }

    def take(self, fitted: Fitted) -> None:
        """Makes the events and the curve those of the lengths that were chosen."""
        assert self.recounting is not None
        self.curve = fitted.curve
        places = range(len(self.curve.thresholds))
        for name, kept in self.recounting.kept.items():
            self.rows[name] = [kept.rows(place, fitted.lengths) for place in places]


def scan(
    run: OpenedRun, wanted: Reference, thresholds: Sequence[float], announce: Announce, *, is_fit: bool
) -> Scanned:
    """Reads every recording once. `announce(number, of, recording_id)` is called before each.

    `is_fit`: lengths are to be fitted afterwards, so the runs above each threshold are kept and not counted.
    """
    scanned = Scanned(Curve(thresholds))
    if is_fit:
        scanned.recounting = Recounting(scanned.curve.thresholds)
    lengths = run.settings.lengths()
    folder = run.folder / "probabilities" / run.split
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(wanted.recordings, 1):
        announce(number, len(wanted.recordings), one.recording_id)
        found: list[list[Seizure]] = [[] for _ in scanned.curve.thresholds]
        kept: KeptRuns | None = None
        if one.shard is not None:
            p_T = _probabilities(run, one.shard)
            rate_hz = one.shard.rate_hz
            if is_fit:
                kept = keep(p_T, rate_hz, scanned.curve.thresholds, shortest_opening_s(run.settings))
            else:
                found = [postprocess(p_T, rate_hz, each, lengths) for each in scanned.curve.thresholds]
                scanned.rows[one.recording_id] = [_rows(events) for events in found]
            scanned.auroc.add(p_T, one.shard.label_mask().astype(bool))
            files.write_bytes(folder / f"{file_name(one.recording_id)}.npy", _kept(p_T, rate_hz))
        if scanned.recounting is not None:
            scanned.recounting.add(one.recording_id, one.seizures, one.duration_s, kept)
        else:
            scanned.curve.add(one.seizures, one.duration_s, found)
    return scanned


def file_name(recording_id: str) -> str:
    """The cache's name for a recording, without its ending: fit for a file whatever the id holds."""
    return shard_path(Path(), recording_id).name.removesuffix(SUFFIX)


def _probabilities(run: OpenedRun, info: ShardInfo) -> NDArray[np.float32]:
    settings = run.config.evaluation
    with cache.Shard(info) as shard:
        return probabilities(
            run.trained,
            shard,
            stride_s=settings.stride_s,
            batch_size=settings.batch_size,
            n_samples=info.n_samples,
        )


def _rows(events: Sequence[Seizure]) -> NDArray[np.float64]:
    rows = [(event.start_s, event.stop_s, event.confidence) for event in events]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _kept(p_T: NDArray[np.float32], rate_hz: int) -> bytes:
    """A .npy of float16 at PROBABILITY_HZ: the highest of each stretch, so that no event vanishes."""
    stretch = max(1, rate_hz // PROBABILITY_HZ)
    padded_T = np.pad(p_T, (0, -p_T.size % stretch))
    buffer = io.BytesIO()
    np.save(buffer, padded_T.reshape(-1, stretch).max(axis=1).astype(np.float16))
    return buffer.getvalue()
