"""Which events are pictured: found, missed and false ones, by a rule that always picks the same.

The rule is printed in the report, so that nobody needs to wonder whether the pictures were picked by hand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seizure.corpus.recording import Seizure

Kind = Literal["missed", "detected", "false"]
EACH = 2  # pictures of each kind, at most

RULE = (
    "Missed: the longest seizures without a detection. Detected: the longest, and the one with the lowest "
    "peak probability. False: the detections without a seizure with the highest peak probability. "
    f"At most {EACH} of each; ties go to the earlier recording and time. "
    "As OVLP has it, a seizure is found where a detection shares any time with it."
)


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scored recording holds. `p_T` is the probability at `p_rate_hz`, empty where it was not kept."""

    recording_id: str
    duration_s: float
    reference: tuple[Seizure, ...]
    detections: tuple[Seizure, ...]
    p_T: NDArray[np.float32]
    p_rate_hz: float
    is_read: bool = True  # else it counts as one without detections

    def detected(self) -> tuple[Seizure, ...]:
        return tuple(event for event in self.reference if touches(event, self.detections))

    def missed(self) -> tuple[Seizure, ...]:
        return tuple(event for event in self.reference if not touches(event, self.detections))

    def false(self) -> tuple[Seizure, ...]:
        return tuple(event for event in self.detections if not touches(event, self.reference))

    def peak(self, event: Seizure) -> float:
        """The highest probability within the event; its confidence where no probability was kept."""
        if not self.p_T.size:
            return event.confidence
        first = int(event.start_s * self.p_rate_hz)
        inside_T = self.p_T[first : max(int(np.ceil(event.stop_s * self.p_rate_hz)), first + 1)]
        return float(inside_T.max()) if inside_T.size else 0.0


@dataclass(frozen=True, slots=True)
class Pick:
    """One event to show, with the peak probability within it."""

    kind: Kind
    recording_id: str
    event: Seizure
    peak: float


def choose(recordings: Mapping[str, Scored], each: int = EACH) -> list[Pick]:
    """At most `each` missed, detected and false events, in that order, by RULE."""
    missed = sorted(
        _picks("missed", recordings.values()), key=lambda pick: (-pick.event.duration_s, *_place(pick))
    )
    false = sorted(_picks("false", recordings.values()), key=lambda pick: (-pick.peak, *_place(pick)))
    found = list(_picks("detected", recordings.values()))
    longest = sorted(found, key=_longest)[: (each + 1) // 2]
    rest = [pick for pick in found if pick not in longest]
    weakest = sorted(rest, key=lambda pick: (pick.peak, *_place(pick)))[: each // 2]
    return [*missed[:each], *longest, *weakest, *false[:each]]


def touches(event: Seizure, others: Iterable[Seizure]) -> bool:
    """Whether the event shares any time with one of the others."""
    return any(event.start_s < other.stop_s and other.start_s < event.stop_s for other in others)


def _picks(kind: Kind, recordings: Iterable[Scored]) -> Iterator[Pick]:
    for scored in recordings:
        events: Sequence[Seizure] = getattr(scored, kind)()
        for event in events:
            yield Pick(kind, scored.recording_id, event, scored.peak(event))


def _longest(pick: Pick) -> tuple[float, str, float]:
    return -pick.event.duration_s, *_place(pick)


def _place(pick: Pick) -> tuple[str, float]:
    return pick.recording_id, pick.event.start_s
