"""The curve of what a container used, with few points for any length of time. Pure."""

from collections.abc import Sequence
from typing import Final

from homeport.record.run import Sample

MOST_POINTS: Final = 300


def thinned(points: Sequence[Sample], most: int = MOST_POINTS) -> list[Sample]:
    """At most so many points, each the neighbours that it stands for: mean use, peak of memory."""
    if len(points) <= most:
        return list(points)
    size = -(-len(points) // most)
    return [_merged(points[start : start + size]) for start in range(0, len(points), size)]


def _merged(points: Sequence[Sample]) -> Sample:
    gpus = [point.gpu for point in points if point.gpu is not None]
    return Sample(
        at=points[-1].at,
        cores=round(sum(point.cores for point in points) / len(points), 2),
        memory_bytes=max(point.memory_bytes for point in points),
        gpu=round(sum(gpus) / len(gpus), 3) if gpus else None,
        gpu_memory_bytes=max(point.gpu_memory_bytes for point in points),
    )
