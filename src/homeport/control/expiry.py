"""One timer for all that expires: it rests until the earliest moment at which something could be due."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

_SHORTEST_S: Final = 1.0  # between two looks; who reads sees to what has expired meanwhile
_LONGEST_S: Final = 24 * 3600.0  # so that a clock that was set back is noticed within a day
_AGAIN_S: Final = 60.0

Expire = Callable[[float], float | None]


class Expiry:
    """Calls functions that remove what is due at a time, and answer when they want to be called next."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._expire: list[Expire] = []
        self._timer: asyncio.TimerHandle | None = None
        self._at = float("inf")
        self._is_open = False

    def add(self, expire: Expire) -> None:
        self._expire.append(expire)

    def open(self) -> None:
        """Looks now and from now on. Needs the event loop."""
        self._is_open = True
        self._look()

    def close(self) -> None:
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def due(self, at: float) -> None:
        """Something new expires at this time."""
        if at < self._at and self._is_open:
            self._set(at)

    def look(self) -> float:
        """Removes what is due; when the next thing will be. For a look out of turn."""
        now = self._clock()
        dues = [due for expire in self._expire if (due := expire(now)) is not None]
        return min(dues, default=float("inf"))

    def _look(self) -> None:
        self._at = float("inf")
        try:
            self._set(self.look())
        except Exception:
            logger.exception("removing what has expired failed")
            self._set(self._clock() + _AGAIN_S)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._at = at
        if at != float("inf"):
            delay_s = min(max(at - self._clock(), _SHORTEST_S), _LONGEST_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)
