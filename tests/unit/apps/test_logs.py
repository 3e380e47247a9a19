"""Streams of logs: nothing lost, nothing told twice, the order kept, whatever happens to files and engine."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from modal_proto import api_pb2

from homeport.api import logs as api_logs
from homeport.control.log_files import Line, Selection
from homeport.control.logs import LogBatch
from homeport.model.errors import NotFoundError
from homeport.plan.log_records import STDERR, STDOUT, SYSTEM, encode
from tests.support.world import World, wait_until

NOW = time.time()


def in_loop(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()

    asyncio.run(run())


async def collect(
    world: World, app_id: str, entry_id: str = "", timeout_s: float = 0.0, selection: Selection | None = None
) -> list[LogBatch]:
    stream = world.logs.stream(app_id, selection or Selection(), entry_id, timeout_s)
    return [batch async for batch in stream]


def text(batches: list[LogBatch], fd: int = 0) -> str:
    return "".join(
        line.text
        for batch in batches
        for line in batch.lines
        if line.fd == fd or (not fd and line.fd != SYSTEM)
    )


def last_entry(batches: list[LogBatch]) -> str:
    return [batch.entry_id for batch in batches if batch.entry_id][-1]


def test_a_stream_ends_with_app_done_after_the_last_line_of_its_last_task(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        following = asyncio.create_task(collect(world, app_id, timeout_s=20))
        await asyncio.sleep(0.02)
        world.print("ta-1", NOW + 1, b"first\n")
        await world.apps.stop(app_id, "done")
        await asyncio.sleep(0.02)
        assert not following.done()  # the task has not finished
        world.append("ta-1", encode(NOW + 2, STDOUT, b"last words\n"))  # its datagram got lost
        world.finish_task("ta-1", NOW + 2)
        batches = await following
        assert text(batches) == "first\nlast words\n"
        assert batches[-1].is_app_done and not any(batch.is_app_done for batch in batches[:-1])
        assert "Stopping app - done." in text(batches, SYSTEM)
        states = [batch.task_state for batch in batches if batch.task_state]
        assert states == [api_pb2.TASK_STATE_IDLE, api_pb2.TASK_STATE_COMPLETED]

    in_loop(story)


def test_a_line_reaches_the_stream_at_once(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        delays: list[float] = []

        async def follow() -> None:
            async for batch in world.logs.stream(app_id, Selection(), "", 20):
                for line in batch.lines:
                    delays.append(time.perf_counter() - float(line.text))
                if len(delays) == 50:
                    return

        following = asyncio.create_task(follow())
        await asyncio.sleep(0.02)
        for _ in range(50):
            world.print("ta-1", time.time(), f"{time.perf_counter()}\n".encode())
            await asyncio.sleep(0.002)
        await following
        assert sorted(delays)[25] < 0.005, delays

    in_loop(story)


def test_a_client_that_comes_back_goes_on_where_it_was_over_a_restart(world: World) -> None:
    ids: list[str] = []
    entries: list[str] = []

    async def before() -> None:
        ids.append(await world.published())
        world.start_task(ids[0], "ta-1", NOW)
        world.start_task(ids[0], "ta-2", NOW)
        world.print("ta-1", NOW + 1, b"one\n")
        world.print("ta-2", NOW + 2, b"two\n")
        batches = await collect(world, ids[0])
        assert text(batches) == "one\ntwo\n"
        entries.append(last_entry(batches))

    async def after() -> None:
        world.finish_task("ta-2", NOW + 3)
        world.start_task(ids[0], "ta-3", NOW + 4)
        world.print("ta-3", NOW + 5, b"four\n")
        batches = await collect(world, ids[0], entries[0])
        assert text(batches) == "three, while no engine lived\nfour\n"
        again = await collect(world, ids[0], last_entry(batches))
        assert text(again) == ""

    in_loop(before)
    world.append("ta-2", encode(NOW + 2.5, STDOUT, b"three, while no engine lived\n"))
    world.restart()
    in_loop(after)


def test_every_batch_is_a_place_to_go_on_from(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        for number in range(5):
            world.start_task(app_id, f"ta-{number}", NOW)
        for n in range(300):
            world.append(f"ta-{n * 7 % 5}", encode(NOW + n, STDOUT, f"line {n}\n".encode()))
        world.finish_task("ta-3", NOW + 400)
        whole = await collect(world, app_id)
        lines = [line.text for batch in whole for line in batch.lines]
        assert lines == [f"line {n}\n" for n in range(300)]
        seen = 0
        for batch in (b for b in whole if b.lines):
            seen += len(batch.lines)
            if seen % 37 == 0 or seen > 290:
                rest = await collect(world, app_id, batch.entry_id)
                assert [line.text for b in rest for line in b.lines] == lines[seen:]

    in_loop(story)


def test_a_character_split_between_records_and_between_streams(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        euro = "€".encode()
        world.print("ta-1", NOW + 1, b"price: 5 " + euro[:1])
        world.print("ta-1", NOW + 2, b"error \xff\n", fd=STDERR)  # the other stream's bytes are its own
        first = await collect(world, app_id)
        assert text(first, STDOUT) == "price: 5 "
        assert text(first, STDERR) == "error �\n"
        world.print("ta-1", NOW + 3, euro[1:2])
        second = await collect(world, app_id, last_entry(first))
        world.print("ta-1", NOW + 4, euro[2:] + b" each\n" + euro[:2])
        third = await collect(world, app_id, last_entry(first))
        assert text(second) == ""
        assert text(third) == "€ each\n"
        world.finish_task("ta-1", NOW + 5)
        assert text(await collect(world, app_id, last_entry(third))) == "�"

    in_loop(story)


def test_partial_lines_are_passed_on(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        seen: list[str] = []

        async def follow() -> None:
            async for batch in world.logs.stream(app_id, Selection(), "", 20):
                seen.extend(line.text for line in batch.lines)
                if len(seen) == 3:
                    return

        following = asyncio.create_task(follow())
        for n in range(3):
            world.print("ta-1", NOW + n, f"\r{n * 50}%".encode())
            await wait_until(lambda n=n: len(seen) == n + 1)  # type: ignore[misc]
        await following
        assert seen == ["0%\r", "50%\r", "100%\r"], "shown at once, and by itself"

    in_loop(story)


def test_a_line_that_was_written_in_pieces_is_one(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        for n, (fd, piece) in enumerate(
            [(1, b"step"), (1, b" "), (2, b"warn"), (1, b"1"), (1, b"\n"), (2, b"ing\n"), (1, b"step 2\nst")]
        ):
            world.append("ta-1", encode(NOW + n / 1000, fd, piece))
        fetched = await world.logs.fetch(app_id, Selection(), NOW - 1, NOW + 9, 10)
        assert [line.text for line in fetched] == ["step 1\n", "warning\n", "step 2\n", "st"]
        assert [
            line.text for line in await world.logs.fetch(app_id, Selection(text="p 1"), 0, NOW + 9, 10)
        ] == ["step 1\n"]
        counts = await world.logs.count(app_id, Selection(), NOW - 1, NOW + 9, 100)
        assert sum(map(sum, counts.values())) == 4
        streamed = [line.text for batch in await collect(world, app_id) for line in batch.lines]
        assert streamed == ["step ", "warn", "1\n", "ing\n", "step 2\n", "st"]

    in_loop(story)


def test_filters(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW, "fu-1")
        world.start_task(app_id, "ta-2", NOW, "fu-2")
        world.print("ta-1", NOW + 1, b"out of one\n")
        world.print("ta-1", NOW + 2, b"err of one\n", fd=STDERR)
        world.print("ta-2", NOW + 3, b"out of two\n")
        world.logs.system(app_id, "ta-2", "two was killed")
        world.logs.system(app_id, "", "about the app")

        async def lines(**wanted: object) -> list[str]:
            selection = Selection(**wanted)  # type: ignore[arg-type]
            streamed = await collect(world, app_id, selection=selection)
            fetched = await world.logs.fetch(app_id, selection, NOW - 9, time.time() + 9, 100)
            got = [line.text for batch in streamed for line in batch.lines]
            assert [line.text for line in fetched] == got
            return [line.rstrip("\n") for line in got]

        assert await lines(fd=STDERR) == ["err of one"]
        assert set(await lines(task_id="ta-2")) == {"out of two", "two was killed"}
        assert await lines(function_id="fu-1") == ["out of one", "err of one"]
        assert set(await lines(fd=SYSTEM)) == {"two was killed", "about the app"}
        fetched = await world.logs.fetch(app_id, Selection(text="two"), NOW - 9, time.time() + 9, 100)
        assert {line.text for line in fetched} == {"out of two\n", "two was killed\n"}

    in_loop(story)


def test_lines_are_told_apart_by_the_input_that_the_container_had(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.give_input("ta-1", "in-1", "fc-1", NOW + 1, NOW + 2)
        world.give_input("ta-1", "in-2", "fc-2", NOW + 2.001, NOW + 3)
        world.give_input("ta-1", "in-3", "fc-1", NOW + 4, NOW + 6)
        world.give_input("ta-1", "in-4", "fc-3", NOW + 5, None)
        for at, said in (
            (0.5, "import"),
            (1.5, "one"),
            (2.5, "two"),
            (3.1, "late of two"),
            (3.6, "between"),
            (4.5, "three"),
            (5.5, "three and four at once"),
            (7, "four"),
        ):
            world.print("ta-1", NOW + at, f"{said}\n".encode())
        streamed = {
            line.text.strip(): line.input_id for batch in await collect(world, app_id) for line in batch.lines
        }
        assert streamed == {
            "import": "",
            "one": "in-1",
            "two": "in-2",
            "late of two": "in-2",
            "between": "",
            "three": "in-3",
            "three and four at once": "",
            "four": "in-4",
        }
        for call_id, expected in (
            ("fc-1", ["one", "three", "three and four at once"]),
            ("fc-2", ["two", "late of two"]),
            ("fc-3", ["three and four at once", "four"]),
        ):
            selection = Selection(call_id=call_id)
            fetched = await world.logs.fetch(app_id, selection, NOW - 9, NOW + 99, 10)
            followed = await collect(world, app_id, selection=selection)
            counted = await world.logs.count(app_id, selection, NOW - 9, NOW + 99, 1000)
            assert [line.text.strip() for line in fetched] == expected
            assert [line.text.strip() for batch in followed for line in batch.lines] == expected
            assert sum(map(sum, counted.values())) == len(expected)

    in_loop(story)


def test_a_stream_of_one_container_ends_with_it(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.print("ta-1", NOW, b"mine\n")
        following = asyncio.create_task(collect(world, "", timeout_s=20, selection=Selection(task_id="ta-1")))
        await asyncio.sleep(0.02)
        world.finish_task("ta-1", NOW + 1)
        batches = await following
        assert text(batches) == "mine\n"
        assert batches[-1].is_app_done

    in_loop(story)


def test_a_stream_ends_at_its_time(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        started = time.monotonic()
        batches = await collect(world, app_id, timeout_s=0.05)
        assert 0.04 < time.monotonic() - started < 2
        assert not any(batch.is_app_done for batch in batches)
        with pytest.raises(NotFoundError, match="ap-nothing"):
            await collect(world, "ap-nothing")
        with pytest.raises(NotFoundError, match="ta-nothing"):
            await collect(world, "", selection=Selection(task_id="ta-nothing"))

    in_loop(story)


def test_a_flood_comes_out_whole_in_bounded_pieces(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.start_task(app_id, "ta-2", NOW)
        count = 100_000
        raw = [bytearray(), bytearray()]
        for n in range(count):
            raw[n % 2] += encode(NOW + n / 1e4, STDOUT, b"%d %s\n" % (n, b"x" * 60))
        world.append("ta-1", bytes(raw[0]))
        world.append("ta-2", bytes(raw[1]))
        seen: list[int] = []
        async for batch in world.logs.stream(app_id, Selection(), "", 0):
            assert len(batch.lines) <= 2000
            seen.extend(int(line.text.split()[0]) for line in batch.lines)
        assert [n for n in seen if n % 2] == list(range(1, count, 2))
        assert [n for n in seen if not n % 2] == list(range(0, count, 2))
        assert all(abs(n - place) <= 100 for place, n in enumerate(seen)), "order of time, to 10 ms"


def test_a_clock_that_is_set_back_turns_no_file_around(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        for n, back in enumerate([0, 0, 3600, 3600, 0]):
            world.append("ta-1", encode(NOW + n - back, STDOUT, b"line %d\n" % n))
        batches = await collect(world, app_id)
        assert [line.text for b in batches for line in b.lines] == [f"line {n}\n" for n in range(5)]
        assert text(await collect(world, app_id, last_entry(batches))) == ""

    in_loop(story)


def test_ten_thousand_lines_a_second_are_followed(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        seen: list[str] = []

        async def follow() -> None:
            async for batch in world.logs.stream(app_id, Selection(), "", 60):
                seen.extend(line.text for line in batch.lines)
                if batch.is_app_done:
                    return

        following = asyncio.create_task(follow())
        cpu = time.process_time()
        for n in range(10_000):
            world.print("ta-1", time.time(), b"line %d\n" % n)
            if n % 100 == 0:
                await asyncio.sleep(0)
        await world.apps.stop(app_id, "done")
        world.finish_task("ta-1", time.time())
        await following
        assert [line for line in seen if not line.startswith("Stopping")] == [
            f"line {n}\n" for n in range(10_000)
        ]
        assert time.process_time() - cpu < 5

    in_loop(story)


def test_a_file_that_was_rotated_away_is_read_from_its_new_start(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.print("ta-1", NOW, b"a long line of the old file\n")
        first = await collect(world, app_id)
        (world.home.logs / "ta-1.log").unlink()
        assert text(await collect(world, app_id, last_entry(first))) == ""
        world.append("ta-1", encode(NOW + 1, STDOUT, b"new\n"))
        assert text(await collect(world, app_id, last_entry(first))) == "new\n"
        assert len(await world.logs.fetch(app_id, Selection(fd=STDOUT), 0, NOW + 9, 10)) == 1

    in_loop(story)


def test_a_log_that_ends_in_half_a_record(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        whole, cut = encode(NOW, STDOUT, b"whole\n"), encode(NOW + 1, STDOUT, b"half of a record\n")
        world.append("ta-1", whole + cut[:-12])
        first = await collect(world, app_id)
        assert text(first) == "whole\n"
        world.finish_task("ta-1", NOW + 2)
        second = await collect(world, app_id, last_entry(first))
        assert text(second) == "half "
        fetched = await world.logs.fetch(app_id, Selection(fd=STDOUT), NOW - 1, NOW + 9, 10)
        assert [line.text for line in fetched] == ["whole\n", "half "]

    in_loop(story)


def test_damage_in_a_log_is_said_and_passed(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.append("ta-1", encode(NOW, STDOUT, b"before\n") + b"\0" * 700_000 + b"\n")
        world.append("ta-1", encode(NOW + 1, STDOUT, b"after\n"))
        batches = await collect(world, app_id)
        assert text(batches) == "before\nafter\n"
        assert "bytes of this log are damaged" in text(batches, SYSTEM)

    in_loop(story)


def test_a_record_longer_than_a_block(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.start_task(app_id, "ta-1", NOW)
        world.print("ta-1", NOW, b"x" * 3_000_000 + b"\n")
        world.print("ta-1", NOW, b"next\n")
        assert text(await collect(world, app_id)) == "x" * 3_000_000 + "\nnext\n"

    in_loop(story)


def test_lines_of_the_system_survive_an_engine_that_died_while_writing_one(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        world.logs.system(app_id, "", "first")
        world.append(app_id, encode(NOW, SYSTEM, b"\nnever finished\n")[:-5])
        world.restart()
        world.logs.system(app_id, "", "second")
        assert text(await collect(world, app_id), SYSTEM) == "first\nsecond\n"

    in_loop(story)


def test_following_a_deployed_app_begins_with_its_last_lines(world: World) -> None:
    async def story() -> None:
        app_id = await world.published(api_pb2.APP_STATE_DEPLOYED, "shop")
        world.start_task(app_id, "ta-1", NOW)
        world.start_task(app_id, "ta-2", NOW)
        for n in range(500):
            world.append(f"ta-{n % 2 + 1}", encode(NOW + n / 100, STDOUT, b"line %d\n" % n))
        world.finish_task("ta-1", NOW + 9)
        lines = [line.text for batch in await collect(world, app_id) for line in batch.lines]
        assert lines == [f"line {n}\n" for n in range(400, 500)]

    in_loop(story)


def test_counts_agree_with_what_is_fetched(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        start = float(int(NOW) // 60 * 60 - 600)
        world.start_task(app_id, "ta-1", start)
        for n in range(200):
            data = b"a\nb\nc" if n % 10 == 0 else b"line\n"
            world.append("ta-1", encode(start + n, STDOUT if n % 3 else STDERR, data))
        counts = await world.logs.count(app_id, Selection(), start, start + 200, 60)
        assert sorted(counts) == [start + 60 * k for k in range(4)]
        fetched = await world.logs.fetch(app_id, Selection(), start, start + 200, 10_000)
        assert sum(sum(bucket) for bucket in counts.values()) == len(fetched)
        assert sum(bucket[1] for bucket in counts.values()) == sum(line.fd == STDERR for line in fetched)
        part = await world.logs.fetch(app_id, Selection(), start + 60, start + 120, 10_000)
        assert len(part) == sum(counts[int(start) + 60])
        assert len(await world.logs.fetch(app_id, Selection(), start, start + 200, 7)) == 7

    in_loop(story)


def test_a_stream_that_was_left_is_forgotten(world: World) -> None:
    async def story() -> None:
        app_id = await world.published()
        following = asyncio.create_task(collect(world, app_id, timeout_s=50))
        await wait_until(lambda: world.logs._followers)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert not world.logs._followers

    in_loop(story)


def test_an_answer_holds_what_one_message_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_logs, "_MOST_CHARACTERS", 25)
    lines = [Line(NOW + n, STDOUT, f"line {n}...\n", "ta-1", "fu-1") for n in range(5)]
    fitting = api_logs._that_fit(lines)
    assert fitting[0].text.startswith("[3 earlier lines") and fitting[0].fd == SYSTEM
    assert fitting[1:] == lines[3:]
    assert api_logs._that_fit(lines[:2]) == lines[:2]
