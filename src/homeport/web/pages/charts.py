"""What a run's drawings are made of: the attempts' time line and the curves of CPU, memory and GPU.

Pure: values in, coordinates and sentences out; the templates turn them into SVG. Every drawing has a
sentence that says what it shows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, Literal

from homeport.plan.durations import human_duration
from homeport.plan.sizes import human_size
from homeport.record.endings import ended_with_app, ending
from homeport.record.run import Attempt, Sample

WIDTH: Final = 1000  # of a drawing's own coordinates; it is stretched to its place
HEIGHT: Final = 100
_MOST_POINTS: Final = 400
_MOST_LINES: Final = 12
_STOPPED: Final = (128 + 2, 128 + 15)  # the container was told to end
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True)
class Axis:
    """The time that a drawing covers, in seconds since the epoch."""

    start: float
    end: float

    def x(self, at: float) -> float:
        return round(max(0.0, min(1.0, (at - self.start) / (self.end - self.start))) * WIDTH, 1)

    def ticks(self) -> list[tuple[float, str]]:
        """(percent of the width, label) at round distances from the start, five or so."""
        whole = self.end - self.start
        step = next((step for step in _STEPS_S if whole / step <= 6), 86400 * (1 + int(whole) // (6 * 86400)))
        places = [step * number for number in range(int(whole / step) + 1)]
        return [(round(100 * place / whole, 2), _tick(place)) for place in places]


@dataclass(frozen=True)
class Bar:
    """One attempt. The three widths are the time it waited, started and ran."""

    attempt: Attempt
    x: float
    waited: float
    starting: float
    ran: float
    took_s: float
    ending: str  # in words
    end: Literal["live", "failed", "stopped", "ended"]


@dataclass(frozen=True)
class Chart:
    """Curves over one axis. `lines` are SVG points; `top` is what the upper edge stands for."""

    title: str
    top: str
    sentence: str
    lines: tuple[str, ...] = field(default=())


def axis_of(attempts: Sequence[Attempt], started_at: float, ended_at: float, now: float) -> Axis:
    starts = [moment for moment in (started_at, *(a.enqueued_at for a in attempts)) if moment]
    ends = [moment for moment in (ended_at or now, *(a.ended_at for a in attempts)) if moment]
    start = min(starts, default=now - 1)
    return Axis(start, max(max(ends), start + 1))


def bars(attempts: Iterable[Attempt], axis: Axis) -> list[Bar]:
    return [_bar(attempt, axis) for attempt in attempts]


def charts(attempts: Sequence[Attempt], axis: Axis) -> list[Chart]:
    """CPU and memory where they were measured, GPU where there was one."""
    measured = [attempt for attempt in attempts if len(attempt.curve) > 1]
    if not measured:
        return []
    drawn = [
        _chart("CPU", measured, axis, lambda s: s.cores, lambda v: f"{v:.1f} cores", least=1.0),
        _chart("Memory", measured, axis, lambda s: s.memory_bytes, human_size, least=1 << 20),
    ]
    with_gpu = [found for found in map(_where_told, measured) if len(found.curve) > 1]
    if with_gpu:
        drawn.append(_chart("GPU", with_gpu, axis, lambda s: s.gpu or 0.0, lambda v: f"{v:.0%}", least=1.0))
        drawn.append(
            _chart("GPU memory", with_gpu, axis, lambda s: s.gpu_memory_bytes, human_size, least=1 << 30)
        )
    return drawn


def _where_told(attempt: Attempt) -> Attempt:
    """With the samples that tell of a GPU: one that nvidia-smi gave no answer for is no 0 %."""
    return replace(attempt, curve=tuple(sample for sample in attempt.curve if sample.gpu is not None))


def _bar(attempt: Attempt, axis: Axis) -> Bar:
    end = attempt.ended_at or axis.end
    begun = attempt.started_at or end
    ready = attempt.ready_at or end
    came = attempt.enqueued_at or begun
    return Bar(
        attempt,
        x=axis.x(came),
        waited=axis.x(begun) - axis.x(came),
        starting=axis.x(ready) - axis.x(begun),
        ran=max(axis.x(end) - axis.x(ready), 2.0 if attempt.ready_at else 0.0),
        took_s=end - begun,
        ending=ending(attempt) or "by itself",
        end=_end(attempt),
    )


def _end(attempt: Attempt) -> Literal["live", "failed", "stopped", "ended"]:
    if not attempt.ended_at:
        return "live"
    if ended_with_app(attempt):
        return "ended"
    if attempt.exit_code in _STOPPED:
        return "stopped"
    return "failed" if attempt.exit_code else "ended"


def _tick(seconds: int) -> str:
    return f"{seconds} s" if 0 < seconds < 60 else human_duration(seconds) if seconds else "0"


def _chart(
    title: str,
    attempts: Sequence[Attempt],
    axis: Axis,
    value: Callable[[Sample], float],
    written: Callable[[float], str],
    *,
    least: float,
) -> Chart:
    values = [value(sample) for attempt in attempts for sample in attempt.curve]
    top = max(least, *values)
    lines = tuple(_points(attempt.curve, axis, value, top) for attempt in attempts[:_MOST_LINES])
    whose = "" if len(attempts) == 1 else f" in the fullest of {len(attempts)} containers"
    sentence = (
        f"{title}: {written(max(values))} at most{whose}, {written(_mean(attempts, value))} on average."
    )
    if len(attempts) > _MOST_LINES:
        sentence += f" The first {_MOST_LINES} containers are drawn."
    return Chart(title, written(top), sentence, lines)


def _mean(attempts: Sequence[Attempt], value: Callable[[Sample], float]) -> float:
    """Over time, so that a sample that stands for longer weighs more."""
    area = whole = 0.0
    for attempt in attempts:
        for before, after in pairwise(attempt.curve):
            area += (value(before) + value(after)) / 2 * (after.at - before.at)
            whole += after.at - before.at
    return area / whole if whole else 0.0


def _points(curve: Sequence[Sample], axis: Axis, value: Callable[[Sample], float], top: float) -> str:
    """Of many samples in a row the highest is drawn, so that no peak is lost."""
    each = -(-len(curve) // _MOST_POINTS)
    groups = (curve[start : start + each] for start in range(0, len(curve), each))
    peaks = (max(group, key=value) for group in groups)
    return " ".join(f"{axis.x(s.at):g},{HEIGHT - value(s) / top * (HEIGHT - 4) - 2:.1f}" for s in peaks)
