"""Makes of a list of intervals what everything after it may rely on: sorted, disjoint, within the recording.

Nothing is dropped here: what can be mended keeps every second of every seizure and is said in a Notice, and
what cannot is a RecordingError.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from seizure.corpus.recording import Annotations, Seizure
from seizure.errors import Fault, Notice, RecordingError

END_TOLERANCE_S = 1.0
"""A seizure marked to end at most this much after the recording (annotations are rounded) is clipped."""

ROUNDING_S = 1e-3
"""So little beyond the recording (less than a sample) is not worth a notice."""

JOINED_LABEL = "seiz"
"""What seizures of several types are called where they become one interval."""


def normalise(
    path: Path, seizures: Sequence[Seizure], duration_s: float, notices: Sequence[Notice] = ()
) -> Annotations:
    """Sorted, disjoint annotations within [0, duration_s]; `path` is the annotation file, for messages.

    Raises RecordingError: MALFORMED_ANNOTATIONS for an interval that is none, BEYOND_END for one that lies
    outside of the recording by more than END_TOLERANCE_S.
    """
    said = list(notices)
    within = [_within(path, seizure, duration_s, said) for seizure in seizures]
    if any(later.start_s < earlier.start_s for earlier, later in pairwise(within)):
        said.append(Notice(Fault.UNSORTED, f"{path.name}: seizures out of order, sorted"))
    within.sort()
    joined = join(within)
    overlapping = sum(b.start_s < a.stop_s for a, b in _with_reach(within))
    if overlapping:
        said.append(Notice(Fault.OVERLAPPING, f"{path.name}: {overlapping} seizures overlap another, joined"))
    return Annotations(tuple(joined), tuple(said))


def join(seizures: Sequence[Seizure]) -> list[Seizure]:
    """The union of sorted intervals: those that overlap or touch become one."""
    joined: list[Seizure] = []
    for seizure in seizures:
        if joined and seizure.start_s <= joined[-1].stop_s:
            last = joined[-1]
            label = last.label if last.label == seizure.label else JOINED_LABEL
            joined[-1] = Seizure(
                last.start_s,
                max(last.stop_s, seizure.stop_s),
                label,
                max(last.confidence, seizure.confidence),
            )
        else:
            joined.append(seizure)
    return joined


def _with_reach(seizures: Sequence[Seizure]) -> list[tuple[Seizure, Seizure]]:
    """Each interval but the first, after the union so far that ends last."""
    pairs = []
    reach = seizures[0] if seizures else None
    for seizure in seizures[1:]:
        assert reach is not None
        pairs.append((reach, seizure))
        reach = max(reach, seizure, key=lambda one: one.stop_s)
    return pairs


def _within(path: Path, seizure: Seizure, duration_s: float, said: list[Notice]) -> Seizure:
    start_s, stop_s = seizure.start_s, seizure.stop_s
    words = f"{seizure.label} from {start_s:g} to {stop_s:g} s"
    if not (math.isfinite(start_s) and math.isfinite(stop_s)):
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"{words}: not a time")
    if stop_s <= start_s:
        raise RecordingError(path, Fault.MALFORMED_ANNOTATIONS, f"{words}: stops before it starts")
    clipped = replace(seizure, start_s=max(start_s, 0.0), stop_s=min(stop_s, duration_s))
    if clipped == seizure:
        return seizure
    outside_s = max(-start_s, stop_s - duration_s)
    if outside_s > END_TOLERANCE_S or clipped.stop_s <= clipped.start_s:
        raise RecordingError(
            path, Fault.BEYOND_END, f"{words}, but the recording lasts from 0 to {duration_s:g} s"
        )
    if outside_s > ROUNDING_S:
        clip = f"{path.name}: {words}: clipped to the recording's {duration_s:g} s"
        said.append(Notice(Fault.BEYOND_END, clip))
    return clipped
