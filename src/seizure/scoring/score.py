"""All scorers over whole recordings: counts are added up over recordings first, figures come last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seizure.corpus.recording import Seizure
from seizure.scoring.counts import Counts, Score
from seizure.scoring.ovlp import ovlp
from seizure.scoring.spans import spans
from seizure.scoring.szcore import szcore_events, szcore_samples
from seizure.scoring.taes import taes

Reference = tuple[Sequence[Seizure], float]  # a recording's seizures and its duration in seconds

SCORERS = {
    "szcore_events": "SzCORE events (timescoring)",
    "szcore_samples": "SzCORE samples, 1 Hz (timescoring)",
    "ovlp": "OVLP, any overlap",
    "taes": "TAES, time-aligned events",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """Every scorer's result over the same recordings and detections."""

    recordings: int
    seizures: int
    duration_s: float
    szcore_events: Score
    szcore_samples: Score
    ovlp: Score
    taes: Score
    by_patient: "dict[str, Scores] | None" = None

    def as_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "recordings": self.recordings,
            "seizures": self.seizures,
            "duration_h": self.duration_s / 3600,
        }
        values |= {key: getattr(self, key).as_json() for key in SCORERS}
        if self.by_patient is not None:
            values["szcore_events_mean_of_patients"] = mean_of_patients(self.by_patient)
        return values


def score(
    reference: Mapping[str, Reference],
    detections: Mapping[str, Sequence[Seizure]],
    patients: Mapping[str, str] | None = None,
) -> Scores:
    """Scores `detections` against `reference`, both by recording id.

    Every recording of `reference` counts, with its seizures and its duration: one without an entry in
    `detections` is one where nothing was detected. With `patients` (patient by recording id) each patient is
    scored too. Raises ValueError for detections of a recording that `reference` lacks.
    """
    unknown = sorted(detections.keys() - reference.keys())
    if unknown:
        raise ValueError(f"detections of recordings without a reference: {', '.join(unknown)}")
    by_patient = None
    if patients is not None:
        groups: dict[str, list[str]] = {}
        for recording_id in sorted(reference):
            groups.setdefault(patients[recording_id], []).append(recording_id)
        by_patient = {patient: _score(ids, reference, detections, None) for patient, ids in groups.items()}
    # sorted: sums of TAES's fractions must not depend on the order that recordings come in
    return _score(sorted(reference), reference, detections, by_patient)


def mean_of_patients(by_patient: Mapping[str, Scores]) -> dict[str, Any]:
    """SzCORE's benchmark figures: the mean over patients of each event figure, where it has a meaning."""
    figures: dict[str, Any] = {"scorer": SCORERS["szcore_events"] + ", mean of patients"}
    for name in ("sensitivity", "precision", "f1", "false_alarms_per_day"):
        values = [getattr(scores.szcore_events, name) for scores in by_patient.values()]
        known = [value for value in values if value is not None]
        figures[name] = sum(known) / len(known) if known else None
    return figures | {"patients": len(by_patient)}


def _score(
    ids: Sequence[str],
    reference: Mapping[str, Reference],
    detections: Mapping[str, Sequence[Seizure]],
    by_patient: dict[str, Scores] | None,
) -> Scores:
    totals = dict.fromkeys(SCORERS, Counts())
    duration_s, seizures = 0.0, 0
    for recording_id in ids:
        wanted, length_s = reference[recording_id]
        duration_s += length_s
        # a duration that nobody could tell must not lose seizures
        length_s = max([length_s, *(seizure.stop_s for seizure in wanted)])
        counts = count(wanted, detections.get(recording_id, ()), length_s)
        seizures += len(spans(wanted, length_s))
        totals = {key: total + counts[key] for key, total in totals.items()}
    results = {key: Score(SCORERS[key], total, duration_s) for key, total in totals.items()}
    return Scores(len(ids), seizures, duration_s, **results, by_patient=by_patient)


def count(wanted: Sequence[Seizure], found: Sequence[Seizure], duration_s: float) -> dict[str, Counts]:
    """Each scorer's counts of one recording."""
    reference, detections = spans(wanted, duration_s), spans(found, duration_s)
    return {
        "szcore_events": szcore_events(reference, detections, duration_s),
        "szcore_samples": szcore_samples(reference, detections, duration_s),
        "ovlp": ovlp(reference, detections),
        "taes": taes(reference, detections),
    }
