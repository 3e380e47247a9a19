"""Those who wait for something, in the order in which they came: woken by whoever brings it."""

import asyncio
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Place:
    """One who waits. It keeps its place in the line however often it is woken in vain."""

    def __init__(self) -> None:
        self._woken: asyncio.Future[None] | None = None

    async def wait(self, timeout_s: float) -> None:
        """Returns when it is woken or the time is over; the caller looks for itself which."""
        loop = asyncio.get_running_loop()
        self._woken = loop.create_future()
        timer = loop.call_later(timeout_s, self.wake)
        try:
            await self._woken
        finally:
            timer.cancel()
            self._woken = None

    def wake(self) -> bool:
        """Whether it slept."""
        if self._woken is None or self._woken.done():
            return False
        self._woken.set_result(None)
        return True


class Waiters:
    """A line for each key."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, dict[Place, None]] = {}

    @contextmanager
    def stand(self, key: Hashable) -> Iterator[Place]:
        """A place at the line's end, for as long as the context lasts."""
        place = Place()
        self._lines.setdefault(key, {})[place] = None
        try:
            yield place
        finally:
            line = self._lines[key]
            del line[place]
            if not line:
                del self._lines[key]

    def are_at(self, key: Hashable) -> bool:
        return key in self._lines

    def waited_for(self) -> list[Hashable]:
        """All keys at which somebody stands."""
        return list(self._lines)

    def wake_first(self, key: Hashable, count: int = 1) -> None:
        """Wakes the first who sleep."""
        for place in self._lines.get(key, ()):
            count -= place.wake()
            if count <= 0:
                return

    def wake_all(self, key: Hashable) -> None:
        for place in self._lines.get(key, ()):
            place.wake()
