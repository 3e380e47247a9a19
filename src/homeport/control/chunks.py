"""Streams of chunks that belong to a function call: what a generator yields, and bodies of web requests.

Chunks are rows; who reads behind the last one waits. Direction 0 goes into the function, 1 comes out.
"""

import asyncio
import time
from collections.abc import Sequence

from modal_proto import api_pb2

from homeport.model.errors import NotFoundError
from homeport.store.database import Database

_AT_ONCE = 64


class Chunks:
    """All streams of one engine."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiters: dict[tuple[str, int], set[asyncio.Future[None]]] = {}

    def put(self, call_id: str, direction: int, chunks: Sequence[api_pb2.DataChunk]) -> None:
        """Adds chunks to a call's stream, from index 1. Raises NotFoundError."""
        if self._db.one("call_by_id", call_id=call_id) is None:
            raise NotFoundError(f"Function call {call_id} does not exist on this engine.")
        self._db.run_many(
            "chunk_insert",
            [
                {
                    "call_id": call_id,
                    "direction": direction,
                    "idx": chunk.index,
                    "chunk": chunk.SerializeToString(),
                }
                for chunk in chunks
            ],
        )
        for waiter in self._waiters.pop((call_id, direction), ()):
            if not waiter.done():
                waiter.set_result(None)

    def forget(self, call_id: str) -> None:
        """Deletes a call's streams: nobody reads them again."""
        self._db.run("chunks_delete", call_id=call_id)

    async def read(self, call_id: str, direction: int, after: int, timeout_s: float) -> list[bytes]:
        """Serialised chunks behind an index, waiting for the first; empty when the time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            rows = self._db.all(
                "chunks_after", call_id=call_id, direction=direction, idx=after, limit=_AT_ONCE
            )
            left = deadline - time.monotonic()
            if rows or left <= 0:
                return [row["chunk"] for row in rows]
            if not await self._wait((call_id, direction), left):
                return []

    async def _wait(self, key: tuple[str, int], timeout_s: float) -> bool:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(key, set())
        waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
            return True
        except TimeoutError:
            return False
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiters.get(key) is waiters:
                del self._waiters[key]
