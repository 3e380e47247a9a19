"""Spans of time: what every scorer compares. Sorted, disjoint, within the recording."""

from collections.abc import Iterable, Sequence

from seizure.corpus.recording import Seizure

Span = tuple[float, float]  # start and stop in seconds


def spans(seizures: Iterable[Seizure], duration_s: float) -> list[Span]:
    """Sorted spans of `seizures`, cut at the recording's ends; those that overlap or touch are one."""
    united: list[Span] = []
    for start_s, stop_s in sorted((seizure.start_s, seizure.stop_s) for seizure in seizures):
        start_s, stop_s = max(start_s, 0.0), min(stop_s, duration_s)
        if start_s >= stop_s:
            continue
        if united and start_s <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], stop_s))
        else:
            united.append((start_s, stop_s))
    return united


def overlaps(one: Span, other: Span) -> bool:
    """Whether they share time; touching is not enough."""
    return one[0] < other[1] and other[0] < one[1]


def overlapping(span: Span, others: Sequence[Span]) -> list[int]:
    """Places of `others` that share time with `span`."""
    return [place for place, other in enumerate(others) if overlaps(span, other)]
