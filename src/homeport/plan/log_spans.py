"""Which input a container was working on when it printed a line.

Supervisors see bytes, not inputs, so the times decide. A container that works on several inputs at once
prints for all of them: such a line has no owner, and is shown for each of their calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LATE_S: Final = 0.25  # a pipe may be read a moment after the result was sent


@dataclass(frozen=True, slots=True)
class Span:
    """One input's time in one container; `end_s` is None while it runs."""

    start_s: float
    end_s: float | None
    input_id: str
    call_id: str


class InFlight:
    """The inputs of one container, asked for in the order of time; `spans` in that of their starts."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._following = 0
        self._active: list[Span] = []
        self._last: Span | None = None  # the one that ended last

    def at(self, time_s: float) -> list[Span]:
        """What was in flight, or else the one that had just ended."""
        spans = self._spans
        while self._following < len(spans) and spans[self._following].start_s <= time_s:
            self._active.append(spans[self._following])
            self._following += 1
        for span in self._active:
            if _end_s(span) < time_s and (self._last is None or _end_s(self._last) < _end_s(span)):
                self._last = span
        self._active = [span for span in self._active if _end_s(span) >= time_s]
        if not self._active and self._last is not None and time_s - _end_s(self._last) <= LATE_S:
            return [self._last]
        return self._active


def _end_s(span: Span) -> float:
    return float("inf") if span.end_s is None else span.end_s
