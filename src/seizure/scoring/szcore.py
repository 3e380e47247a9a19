"""SzCORE's scores of one recording, by the library timescoring (Dan et al. 2024).

Events: references and detections nearer than 90 s are one, longer than 5 min are split; a reference counts as
found where a detection touches it or the 30 s before or 60 s after; a detection that touches none of these is
a false alarm. Samples: one a second. The benchmark adds the counts of a subject's recordings up, as we do
over all recordings, and then averages over subjects; `by_patient` of `seizure.scoring.score` gives that mean
as well.

The benchmark rounds both sides to whole seconds beforehand (an event within one second vanishes there); here
the library gets the exact times, so that no seizure can be lost.
"""

from collections.abc import Sequence

from timescoring.annotations import Annotation
from timescoring.scoring import EventScoring, SampleScoring

from seizure.scoring.counts import Counts
from seizure.scoring.spans import Span

GRID_HZ = 10  # the library's own grid for events


def szcore_events(reference: Sequence[Span], detections: Sequence[Span], duration_s: float) -> Counts:
    """Counts in events; spans sorted and disjoint."""
    score = EventScoring(_annotation(reference, duration_s), _annotation(detections, duration_s))
    return Counts(float(score.tp), float(score.fp), float(score.refTrue - score.tp))


def szcore_samples(reference: Sequence[Span], detections: Sequence[Span], duration_s: float) -> Counts:
    """Counts in seconds; spans sorted and disjoint."""
    score = SampleScoring(_annotation(reference, duration_s), _annotation(detections, duration_s))
    return Counts(float(score.tp), float(score.fp), float(score.refTrue - score.tp))


def _annotation(spans: Sequence[Span], duration_s: float) -> Annotation:
    # a second at least: the library divides by the length
    return Annotation(list(spans), GRID_HZ, max(GRID_HZ, round(duration_s * GRID_HZ)))
