"""Whose client still lives: one timer for all apps, at the earliest moment that one could be overdue."""

import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """What `asyncio.loop.call_later` returns."""

    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Timer]


class Heartbeats:
    """Calls `on_overdue(app_id)` for an app that was silent for `limit_s`.

    A heartbeat only notes the time; the timer, when it fires, is set again for whoever is next.
    """

    def __init__(
        self,
        limit_s: float,
        on_overdue: Callable[[str], None],
        call_later: CallLater,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._on_overdue = on_overdue
        self._call_later = call_later
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._timer: Timer | None = None

    def beat(self, app_id: str) -> None:
        """The client of this app lives: at its first beat the app is watched from now on."""
        self._seen[app_id] = self._clock()
        if self._timer is None:
            self._set_timer(self._limit_s)

    def forget(self, app_id: str) -> None:
        self._seen.pop(app_id, None)
        if not self._seen and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self._seen.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, delay_s: float) -> None:
        self._timer = self._call_later(delay_s, self._check)

    def _check(self) -> None:
        self._timer = None
        now = self._clock()
        overdue = [app_id for app_id, seen in self._seen.items() if now - seen >= self._limit_s]
        for app_id in overdue:
            del self._seen[app_id]
        if self._seen and self._timer is None:
            self._set_timer(max(0.0, min(self._seen.values()) + self._limit_s - now))
        for app_id in overdue:
            self._on_overdue(app_id)
