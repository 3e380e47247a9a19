"""OVLP, any-overlap scoring (Wilson et al. 2003; NEDC's scorer of that name), of one recording.

A reference that any detection overlaps is a hit, else a miss; a detection that overlaps no reference is a
false alarm. There are no tolerances, and one detection may hit several references. Only seizures are counted:
NEDC's summary adds false alarms of its background class to its total line.
"""

from collections.abc import Sequence

from seizure.scoring.counts import Counts
from seizure.scoring.spans import Span, overlaps


def ovlp(reference: Sequence[Span], detections: Sequence[Span]) -> Counts:
    """Counts in events; spans sorted and disjoint."""
    hits = sum(any(overlaps(span, other) for other in detections) for span in reference)
    false_alarms = sum(not any(overlaps(span, other) for other in reference) for span in detections)
    return Counts(float(hits), float(false_alarms), float(len(reference) - hits))
