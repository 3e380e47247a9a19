"""What a split is scored against: every recording of it, whether it can be read or not.

Seizures come from the cache's shards where there is one. A recording without a shard could not be read: it
counts as one without detections, and its seizures, from its annotations, as missed. A recording without
annotations has no truth to be scored against: it is named, and left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seizure.cache.shard import ShardInfo
from seizure.corpus import LabelledCorpus, Recording, Seizure


def counted(number: int, noun: str) -> str:
    """`1 seizure`, `2 seizures`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One recording to score. `shard` is None where it cannot be read; `why` says the reason."""

    recording_id: str
    patient: str
    seizures: tuple[Seizure, ...]
    duration_s: float
    shard: ShardInfo | None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the list of recordings that could not be read."""
        return {
            "recording_id": self.recording_id,
            "why": self.why,
            "seizures": len(self.seizures),
            "duration_s": self.duration_s,
        }

    def in_words(self) -> str:
        missed = f"{counted(len(self.seizures), 'seizure')} missed in {self.duration_s:.0f} s"
        return f"{self.recording_id}: {self.why} ({missed})"


@dataclass(frozen=True, slots=True)
class Reference:
    """All recordings of a split that have a truth, by id, and the reasons of those that have none."""

    recordings: tuple[Wanted, ...]
    unlabelled: Mapping[str, str]

    @property
    def unreadable(self) -> tuple[Wanted, ...]:
        return tuple(wanted for wanted in self.recordings if wanted.shard is None)


def reference_of(recording_ids: Sequence[str], shards: Mapping[str, ShardInfo]) -> Reference:
    """Of recordings that all have a shard."""
    return Reference(tuple(_cached(shards[recording_id]) for recording_id in sorted(recording_ids)), {})


def reference_with_missing(
    recording_ids: Sequence[str],
    shards: Mapping[str, ShardInfo],
    recordings: Mapping[str, Recording],
    labelled: LabelledCorpus,
    reasons: Mapping[str, str],
) -> Reference:
    """`recordings` and `labelled` hold those without a shard, and may hold more; `reasons`: why some cannot
    be used, by id."""
    wanted: list[Wanted] = []
    unlabelled: dict[str, str] = {}
    for recording_id in sorted(recording_ids):
        if recording_id in shards and recording_id not in reasons:  # a shard of what it once was is no use
            wanted.append(_cached(shards[recording_id]))
            continue
        why = reasons.get(recording_id, "not in the cache")
        known = labelled.annotations.get(recording_id) or labelled.unreadable.get(recording_id)
        if known is None:
            unlabelled[recording_id] = why
        else:
            duration_s = labelled.durations_s[recording_id]
            patient = recordings[recording_id].patient
            wanted.append(Wanted(recording_id, patient, known.seizures, duration_s, None, why))
    return Reference(tuple(wanted), unlabelled)


def _cached(shard: ShardInfo) -> Wanted:
    return Wanted(shard.recording_id, shard.patient, shard.seizures, shard.duration_s, shard)
