"""A Queue against a model: whatever is put, taken, cleared and repeated, across engines that were killed,
each partition is a list from whose beginning every item is taken once."""

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.control.queue_objects import Partition
from tests.unit.stored.conftest import StoredHere

partitions = st.sampled_from([b"", b"a", b"b"])
steps = st.one_of(
    st.tuples(st.just("put"), partitions, st.integers(1, 4)),
    st.tuples(st.just("get"), partitions, st.integers(1, 5)),
    st.tuples(st.just("wait"), partitions, st.integers(1, 2)),
    st.tuples(st.just("clear"), partitions),
    st.tuples(st.just("clear all")),
    st.tuples(st.just("repeat")),
    st.tuples(st.just("restart")),
)


async def play(here: StoredHere, script: list[tuple]) -> None:  # type: ignore[type-arg]
    queue_id = here.queue().queue_id
    model: dict[bytes, list[bytes]] = defaultdict(list)
    waiting: dict[bytes, list[tuple[int, asyncio.Task[list[bytes]]]]] = defaultdict(list)
    last: tuple[Partition, int, str, list[bytes]] | None = None
    number = 0

    async def settle(key: bytes) -> None:
        """Those who wait get theirs in the order in which they came."""
        while waiting[key] and model[key]:
            limit, task = waiting[key].pop(0)
            got = await asyncio.wait_for(task, 5)
            assert got == model[key][:limit]
            del model[key][:limit]

    for index, step in enumerate(script):
        kind, key = step[0], step[1] if len(step) > 1 else b""
        partition = Partition(queue_id, key)
        if kind == "put":
            values = [str(number + n).encode() for n in range(step[2])]
            number += step[2]
            model[key] += values
            await here.queues.put(partition, values, request=f"put {index}")
            await here.queues.put(partition, values, request=f"put {index}")  # the client asks again
            await settle(key)
        elif kind == "get":
            request = f"get {index}"
            got = await here.queues.get(partition, step[2], request=request)
            assert got == model[key][: step[2]]
            del model[key][: step[2]]
            last = (partition, step[2], request, got) if got else last
        elif kind == "wait" and not model[key]:
            task = asyncio.create_task(here.queues.get(partition, step[2], timeout_s=30))
            waiting[key].append((step[2], task))
            await asyncio.sleep(0)
        elif kind == "clear":
            here.queues.clear(partition)
            model[key].clear()
        elif kind == "clear all":
            here.queues.clear_all(queue_id)
            model.clear()
        elif kind == "repeat" and last is not None:
            assert await here.queues.get(last[0], last[1], request=last[2]) == last[3]
        elif kind == "restart":
            for tasks in waiting.values():  # their clients lose the connection
                for _, task in tasks:
                    task.cancel()
                await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
            waiting.clear()
            here.restart()
        for name in (b"", b"a", b"b"):
            assert here.queues.length(Partition(queue_id, name)) == len(model[name])
    for tasks in waiting.values():
        for _, task in tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)
    for name in (b"", b"a", b"b"):
        found = await here.queues.read(Partition(queue_id, name), 0, 0)
        assert [value for _, value in found] == model[name]


@settings(max_examples=150)
@given(st.lists(steps, max_size=30))
def test_a_partition_is_a_list(script: list[tuple]) -> None:  # type: ignore[type-arg]
    with tempfile.TemporaryDirectory() as folder:
        here = StoredHere(Path(folder) / "state.db")
        try:
            asyncio.run(play(here, script))
        finally:
            here.db.close()
