"""One split's scores, events and probabilities, as `seizure evaluate` left them in the run's folder."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seizure.cache.index import Index
from seizure.corpus.recording import Seizure
from seizure.report.choose import Scored
from seizure.report.curves import Point
from seizure.report.facts import ScorerRow, SplitScores
from seizure.scoring import SCORERS

NONE = np.zeros(0, np.float32)


def read_scores(folder: Path, split: str, index: Index, missing: list[str]) -> SplitScores | None:
    """What was scored of `split`; None where nothing was. Adds to `missing` what cannot be shown."""
    path = folder / f"scores-{split}.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(found[key]) for key in SCORERS if key in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        missing.append(
            f"{path.name} cannot be read ({error}): score {split} again by `python -m seizure evaluate`."
        )
        return None
    curve = tuple(_point(point) for point in found.get("curve", ()))
    threshold = found.get("threshold")
    return SplitScores(
        split=split,
        rows=rows,
        threshold=threshold,
        curve=curve,
        chosen=_chosen(curve, threshold, rows),
        recordings=_recordings(folder, split, found, index),
        unreadable=tuple(str(words) for words in found.get("unreadable", ())),
    )


def _row(found: Mapping[str, Any]) -> ScorerRow:
    return ScorerRow(
        str(found["scorer"]),
        found["sensitivity"],
        found["precision"],
        found["f1"],
        found["false_alarms_per_day"],
        found.get("hits"),
        found.get("misses"),
        found.get("false_alarms"),
    )


def _point(found: Mapping[str, Any]) -> Point:
    return Point(
        float(found["threshold"]),
        float(found["sensitivity"] or 0.0),
        float(found["false_alarms_per_day"] or 0.0),
    )


def _chosen(curve: tuple[Point, ...], threshold: float | None, rows: tuple[ScorerRow, ...]) -> Point | None:
    """Where the threshold in use lies: by the split's own SzCORE events score, which is exact."""
    if not curve or threshold is None or not rows:
        return None
    sensitivity, false_alarms = rows[0].sensitivity, rows[0].false_alarms_per_day
    if sensitivity is None or false_alarms is None:
        return None
    return Point(threshold, sensitivity, false_alarms)


def _recordings(folder: Path, split: str, found: Mapping[str, Any], index: Index) -> dict[str, Scored]:
    probabilities = folder / "probabilities" / split
    recordings = {}
    for one in found.get("files", ()):
        name = str(one["recording_id"])
        p_T = _probability(probabilities / f"{name}.npy")
        duration_s = float(one["duration_s"])
        recordings[name] = Scored(
            name,
            duration_s,
            tuple(Seizure(*event) for event in one["reference"]),
            tuple(Seizure(*event) for event in one["detections"]),
            p_T,
            p_T.size / duration_s if duration_s > 0 else 1.0,
        )
    return recordings


def _probability(path: Path) -> NDArray[np.float32]:
    """The probability as it was kept, at a low rate; empty where it was not."""
    try:
        p_T: NDArray[np.float32] = np.load(path, allow_pickle=False).astype(np.float32).reshape(-1)
        return p_T
    except (OSError, ValueError):
        return NONE
