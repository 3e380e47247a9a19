"""A request's body that is read while it comes, for the one method to which a client sends without end."""

import asyncio
from collections.abc import Callable


class Parts:
    """What came and was not read yet. `taken` is told how much was."""

    def __init__(self, taken: Callable[[int], None]) -> None:
        self._taken = taken
        self._waiting = bytearray()
        self._is_ended = False
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """How many bytes wait to be read."""
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        self._waiting += data
        self._changed.set()

    def end(self) -> None:
        self._is_ended = True
        self._changed.set()

    def drop(self) -> int:
        """Forgets what was not read, and says how much that was."""
        size = len(self._waiting)
        self._waiting.clear()
        self.end()
        return size

    async def read(self, size: int) -> bytes:
        """So many bytes, or those before the end."""
        found = bytearray()
        while len(found) < size:
            if not self._waiting:
                if self._is_ended:
                    break
                self._changed.clear()
                await self._changed.wait()
                continue
            piece = self._waiting[: size - len(found)]
            del self._waiting[: len(piece)]
            found += piece
            self._taken(len(piece))
        return bytes(found)
