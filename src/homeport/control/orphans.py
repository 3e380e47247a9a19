"""Synchronous calls whose callers went away: noticed by nobody asking for their results any more."""

import asyncio
import time
from collections.abc import Callable

AFTER_S = 90.0  # with the look that follows, within two minutes, as on Modal
_SHORTEST_WAIT_S = 1.0


class Orphans:
    """Calls that nobody asks about, since when. `on_orphan(call_id)` is called for each that stays so."""

    def __init__(self, on_orphan: Callable[[str], None]) -> None:
        self._on_orphan = on_orphan
        self._since: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call_id: str) -> None:
        """Nobody waits for the call now."""
        self._since[call_id] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(AFTER_S, self._look)

    def discard(self, call_id: str) -> None:
        """Somebody waits for it, or it has ended."""
        self._since.pop(call_id, None)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for call_id, since in list(self._since.items()):
            if now - since >= AFTER_S - _SHORTEST_WAIT_S:
                del self._since[call_id]
                self._on_orphan(call_id)
        if self._since:
            wait = AFTER_S - (now - min(self._since.values()))
            self._timer = asyncio.get_running_loop().call_later(max(_SHORTEST_WAIT_S, wait), self._look)
