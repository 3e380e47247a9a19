"""What Queues hold, who waits, and what a repeated request gets."""

import asyncio

import pytest

from homeport.control.queue_objects import Partition
from homeport.model.errors import InvalidError, NotFoundError, ResourceExhaustedError


def taken(here, queue, limit=1, **options):
    return asyncio.run(here.queues.get(queue, limit, **options))


def put(here, queue, *values, **options):
    asyncio.run(here.queues.put(queue, values, **options))


async def asleep() -> None:
    """Lets tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_first_in_first_out_by_partition(here) -> None:
    queue = here.queue()
    other = Partition(queue.queue_id, b"other")
    put(here, queue, b"1", b"2", b"3")
    put(here, other, b"x")
    assert here.queues.length(queue) == 3
    assert here.queues.totals(queue.queue_id) == (2, 4)
    assert taken(here, queue) == [b"1"]
    assert taken(here, queue, 10) == [b"2", b"3"]
    assert taken(here, queue) == []
    assert taken(here, other) == [b"x"]
    assert here.queues.totals(queue.queue_id) == (0, 0)


def test_the_5001st_item_finds_no_room_and_none_of_its_companions_gets_in(here) -> None:
    queue = here.queue()
    put(here, queue, *[b"v"] * 4999)
    with pytest.raises(ResourceExhaustedError, match="holds 4999 items"):
        put(here, queue, b"a", b"b")
    put(here, queue, b"a")
    with pytest.raises(ResourceExhaustedError):
        put(here, queue, b"b")
    assert here.queues.length(queue) == 5000


def test_a_partition_has_no_more_than_64_mib(here) -> None:
    queue = here.queue()
    put(here, queue, *[bytes(1024 * 1024)] * 64)
    with pytest.raises(ResourceExhaustedError):
        put(here, queue, b"b")
    taken(here, queue)
    put(here, queue, b"b")


def test_100_000_partitions_may_hold_something(here) -> None:
    queue = here.queue()
    here.db.run("add_queue_item", queue_id=queue.queue_id, partition_key=b"", value=b"v")
    with here.db.transaction():
        for number in range(100_000):
            here.db.run(
                "grow_queue_partition",
                queue_id=queue.queue_id,
                partition_key=str(number).encode(),
                items=1,
                size_bytes=1,
                expires_at=here.now + 60,
            )
    with pytest.raises(ResourceExhaustedError, match="100000 partitions"):
        put(here, Partition(queue.queue_id, b"one more"), b"v")
    here.queues.clear(Partition(queue.queue_id, b"7"))
    put(here, Partition(queue.queue_id, b"one more"), b"v")


def test_a_partition_is_cleared_when_its_time_since_the_last_put_is_over(here) -> None:
    queue = here.queue()
    put(here, queue, b"1", ttl_s=10)
    here.now += 9
    put(here, queue, b"2", ttl_s=10)
    here.now += 9
    assert here.queues.length(queue) == 2
    assert here.expiry.look() == here.now + 1
    here.now += 1
    assert here.queues.length(queue) == 0, "for who looks, though nobody has removed it yet"
    assert taken(here, queue) == []
    put(here, queue, b"3", ttl_s=10)
    here.now += 10
    here.expiry.look()
    assert not here.db.all("queue_items_after", queue_id=queue.queue_id, partition_key=b"", after=0, limit=9)


def test_a_get_waits_for_an_item_and_no_longer_than_its_time(here) -> None:
    queue = here.queue()

    async def run() -> None:
        getter = asyncio.create_task(here.queues.get(queue, 5, timeout_s=30))
        await asleep()
        assert not getter.done()
        await here.queues.put(queue, [b"1", b"2"])
        assert await getter == [b"1", b"2"]
        assert await here.queues.get(queue, 1, timeout_s=0.01) == []

    asyncio.run(run())


def test_getters_are_served_in_the_order_in_which_they_came_and_each_item_goes_to_one(here) -> None:
    queue = here.queue()

    async def run() -> None:
        getters = []
        for _ in range(5):
            getters.append(asyncio.create_task(here.queues.get(queue, 1, timeout_s=30)))
            await asleep()
        await here.queues.put(queue, [b"0", b"1"])
        await here.queues.put(queue, [b"2", b"3", b"4"])
        assert await asyncio.gather(*getters) == [[b"0"], [b"1"], [b"2"], [b"3"], [b"4"]]

    asyncio.run(run())


def test_a_getter_that_leaves_when_it_is_woken_passes_the_item_on(here) -> None:
    queue = here.queue()

    async def run() -> None:
        first = asyncio.create_task(here.queues.get(queue, 1, timeout_s=30))
        await asleep()
        second = asyncio.create_task(here.queues.get(queue, 1, timeout_s=30))
        await asleep()
        await here.queues.put(queue, [b"1"])
        first.cancel()  # woken, but its client is gone before it could look
        assert await asyncio.wait_for(second, 5) == [b"1"]

    asyncio.run(run())


def test_a_put_waits_for_room(here) -> None:
    queue = here.queue()
    put(here, queue, *[b"v"] * 5000)

    async def run() -> None:
        putters = [
            asyncio.create_task(here.queues.put(queue, [b"late"], patience_s=30)),
            asyncio.create_task(here.queues.put(queue, [b"later"], patience_s=30)),
        ]
        await asleep()
        await here.queues.get(queue, 2)
        await asyncio.wait_for(asyncio.gather(*putters), 5)
        with pytest.raises(ResourceExhaustedError):
            await here.queues.put(queue, [b"never"], patience_s=0.01)

    asyncio.run(run())
    assert taken(here, queue, 5000)[-2:] == [b"late", b"later"]


def test_those_who_wait_are_told_when_the_queue_is_deleted(here) -> None:
    queue = here.queue()

    async def run() -> None:
        waiting = [
            asyncio.create_task(here.queues.get(queue, 1, timeout_s=30)),
            asyncio.create_task(here.queues.read(queue, 0, 30)),
        ]
        await asleep()
        here.queue_names.delete(queue.queue_id)
        for task in waiting:
            with pytest.raises(NotFoundError, match=queue.queue_id):
                await asyncio.wait_for(task, 5)

    asyncio.run(run())


def test_a_reader_takes_nothing_and_goes_on_from_its_place(here) -> None:
    queue = here.queue()
    put(here, queue, b"1", b"2")

    async def run() -> None:
        (_, one), (place, two) = await here.queues.read(queue, 0, 0)
        assert (one, two) == (b"1", b"2")
        await here.queues.get(queue, 2)  # what it stood at is gone
        reader = asyncio.create_task(here.queues.read(queue, place, 30))
        await asleep()
        await here.queues.put(queue, [b"3"])
        assert [value for _, value in await reader] == [b"3"]
        assert await here.queues.read(queue, place + 1, 0.01) == []

    asyncio.run(run())
    assert here.queues.length(queue) == 1


def test_a_repeated_request_gets_what_it_got_even_from_the_next_engine(here) -> None:
    queue = here.queue()
    put(here, queue, b"1", b"2", request="put")
    put(here, queue, b"1", b"2", request="put")
    assert here.queues.length(queue) == 2
    assert taken(here, queue, request="get") == [b"1"]
    here.restart()
    assert taken(here, queue, request="get") == [b"1"]
    put(here, queue, b"1", b"2", request="put")
    assert taken(here, queue, 9, request="another") == [b"2"]


def test_answers_are_forgotten_after_two_minutes_of_an_engine_s_life(here) -> None:
    queue = here.queue()
    put(here, queue, b"1", b"2")
    taken(here, queue, request="get")
    here.now += 3600
    here.restart()
    here.now += 100
    here.expiry.look()
    assert taken(here, queue, request="get") == [b"1"]
    here.now += 151
    here.expiry.look()
    assert taken(here, queue, request="get") == [b"2"]


def test_finding_nothing_is_no_answer_to_keep(here) -> None:
    queue = here.queue()
    assert taken(here, queue, request="get") == []
    put(here, queue, b"1")
    assert taken(here, queue, request="get") == [b"1"]


def test_what_cannot_be_is_refused(here) -> None:
    queue = here.queue()
    with pytest.raises(InvalidError, match="1 or more"):
        taken(here, queue, 0)
    with pytest.raises(InvalidError, match="65 bytes"):
        put(here, Partition(queue.queue_id, b"k" * 65), b"v")
    here.queue_names.delete(queue.queue_id)
    with pytest.raises(NotFoundError):
        put(here, queue, b"v")
    with pytest.raises(NotFoundError):
        taken(here, queue)
