"""One split's scores, events and probabilities, as `evaluate` left them in the run's folder."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure
from seizure.report.choose import Scored
from seizure.report.curves import Point
from seizure.report.facts import ScorerRow, SplitScores
from seizure.scoring import SCORERS

NONE = np.zeros(0, np.float32)
MEAN_OF_PATIENTS = "szcore_events_mean_of_patients"


def read_scores(folder: Path, split: str, missing: list[str]) -> SplitScores | None:
    """What was scored of `split`; None where nothing was. Adds to `missing` what cannot be shown."""
    path = folder / f"scores-{split}.json"
    if not path.exists():
        return None
    try:
        return _split(folder, split, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        again = f"score {split} again by `python -m seizure evaluate`"
        missing.append(f"{path.name} cannot be read ({type(error).__name__}: {error}): {again}.")
        return None


def _split(folder: Path, split: str, found: Mapping[str, Any]) -> SplitScores:
    scores = found["scores"]
    threshold = float(found["threshold"])
    rate_hz = float(found.get("probability_rate_hz", 1.0))
    recordings = {
        name: _scored(folder, name, one, rate_hz) for name, one in sorted(found["recordings"].items())
    }
    curve = tuple(_points(found.get("curve", ())))
    rows = [_row(scores[key]) for key in (*SCORERS, MEAN_OF_PATIENTS) if key in scores]
    return SplitScores(
        split=split,
        rows=tuple(rows),
        threshold=threshold,
        threshold_origin=str(found.get("threshold_origin", "")),
        lengths_fitted={name: float(one) for name, one in found.get("lengths_fitted_on_val", {}).items()},
        curve=curve,
        chosen=_chosen(curve, threshold, rows[0]),
        recordings=recordings,
        hours=float(scores["duration_h"]),
        seizures=int(scores["seizures"]),
        auroc=found.get("auroc_samples"),
        scored_before=int(found.get("scored_before", 0)),
        checkpoint=f"{found.get('checkpoint', 'a checkpoint')} of step {found.get('checkpoint_step', '?')}",
        unreadable={str(one["recording_id"]): str(one["why"]) for one in found.get("unreadable", ())},
        unlabelled={str(name): str(why) for name, why in found.get("unlabelled", {}).items()},
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


def _points(found: Any) -> Iterator[Point]:
    """Points of the curve that have both figures: without a seizure there is no sensitivity."""
    for one in found:
        if one["sensitivity"] is not None and one["false_alarms_per_day"] is not None:
            yield Point(
                float(one["threshold"]), float(one["sensitivity"]), float(one["false_alarms_per_day"])
            )


def _chosen(curve: tuple[Point, ...], threshold: float, row: ScorerRow) -> Point | None:
    """Where the threshold in use lies: the split's own SzCORE events score."""
    if not curve or row.sensitivity is None or row.false_alarms_per_day is None:
        return None
    return Point(threshold, row.sensitivity, row.false_alarms_per_day)


def _scored(folder: Path, name: str, found: Mapping[str, Any], rate_hz: float) -> Scored:
    kept = found.get("probabilities")
    return Scored(
        name,
        float(found["duration_s"]),
        tuple(Seizure(start_s, stop_s) for start_s, stop_s in found["seizures"]),
        tuple(Seizure(start_s, stop_s, "seiz", sure) for start_s, stop_s, sure in found["detections"]),
        _probability(folder / kept) if kept else NONE,
        rate_hz,
        bool(found.get("is_read", True)),
    )


def _probability(path: Path) -> NDArray[np.float32]:
    """The probability as it was kept, at a low rate; empty where it was not."""
    try:
        p_T: NDArray[np.float32] = np.load(path, allow_pickle=False).astype(np.float32).reshape(-1)
        return p_T
    except (OSError, ValueError, EOFError):
        return NONE
