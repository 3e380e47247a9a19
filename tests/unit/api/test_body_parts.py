"""A body that is read while it comes: order, ends, and how much is acknowledged."""

import asyncio

from homeport.api.body_parts import Parts


def test_what_is_read_is_what_came_in_whatever_pieces() -> None:
    async def check() -> None:
        taken: list[int] = []
        parts = Parts(taken.append)
        parts.put(b"ab")
        parts.put(b"cdef")
        assert await parts.read(3) == b"abc"
        waiting = asyncio.create_task(parts.read(5))
        await asyncio.sleep(0)
        assert not waiting.done()
        parts.put(b"ghij")
        assert await waiting == b"defgh"
        parts.end()
        assert await parts.read(5) == b"ij"
        assert await parts.read(5) == b""
        assert sum(taken) == 10

    asyncio.run(check())


def test_what_is_dropped_was_not_taken() -> None:
    async def check() -> None:
        taken: list[int] = []
        parts = Parts(taken.append)
        waiting = asyncio.create_task(parts.read(5))
        await asyncio.sleep(0)
        parts.put(b"abc")
        await asyncio.sleep(0)
        parts.put(b"defgh")
        assert parts.drop() == 5  # three were on their way
        assert await waiting == b"abc"
        assert taken == [3]

    asyncio.run(check())
