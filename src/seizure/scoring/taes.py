"""TAES, time-aligned event scoring (Shah, Golmohammadi, Obeid, Picone 2021; NEDC's scorer), of one recording.

References are taken in order of time, each with the detections that overlap it and are not yet used.

- hit: the share of the reference that they cover; miss: the rest of it.
- false alarm: for each of them its time outside the reference over the reference's duration, 1 at most.
- A reference without any is one miss; a detection without any is one false alarm.
- A detection is used for one reference. Where the first detection of a reference lasts to its end or beyond,
  every later reference under that detection is missed whole: one long detection over many seizures earns one
  hit.

Like NEDC's software v6.0.0, but on exact times: that compares whole seconds when it asks whether two events
overlap, and can so count a negative hit for two that only come near one another.
"""

from collections.abc import Sequence

from seizure.scoring.counts import Counts
from seizure.scoring.spans import Span, overlapping, overlaps


def taes(reference: Sequence[Span], detections: Sequence[Span]) -> Counts:
    """Counts in fractions of events; spans sorted and disjoint."""
    total = Counts()
    unused, swallowed = set(range(len(detections))), set[int]()
    for place, span in enumerate(reference):
        if place in swallowed:
            total += Counts(misses=1.0)
            continue
        found = [other for other in overlapping(span, detections) if other in unused]
        if not found:
            total += Counts(misses=1.0)
            continue
        unused -= set(found)
        total += _partial(span, [detections[other] for other in found])
        first = detections[found[0]]
        if first[1] >= span[1]:
            later = range(place + 1, len(reference))
            swallowed |= {other for other in later if overlaps(reference[other], first)}
    return total + Counts(false_alarms=float(len(unused)))


def _partial(reference: Span, detections: Sequence[Span]) -> Counts:
    duration_s = reference[1] - reference[0]
    hit, false_alarm = 0.0, 0.0
    for start_s, stop_s in detections:
        inside_s = min(stop_s, reference[1]) - max(start_s, reference[0])
        hit += inside_s / duration_s
        false_alarm += min(1.0, (stop_s - start_s - inside_s) / duration_s)
    return Counts(hit, false_alarm, 1.0 - hit)
