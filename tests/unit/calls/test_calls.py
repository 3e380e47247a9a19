"""Inputs to containers, results back: order, retries, cancellation, restarts."""

import asyncio

import pytest
from modal_proto import api_pb2

from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from tests.support.call_world import (
    APP,
    ASYNC,
    FAILURE,
    MAP,
    SUCCESS,
    TERMINATED,
    TIMEOUT,
    CallWorld,
    Play,
    item,
)

RETRIES = api_pb2.FunctionRetryPolicy(retries=2, backoff_coefficient=1.0, initial_delay_ms=0)


def test_a_call_goes_to_a_container_and_its_result_back(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, 7)
        task_id = await world.container()
        [(input_id, attempt, args)] = await world.take(task_id)
        assert (attempt, args) == (0, b"7")
        world.answer(task_id, input_id, data=b"49")
        [output] = await world.results(call_id)
        assert (output.result.data, output.idx, output.task_id) == (b"49", 0, task_id)

    play(scene)


def test_a_caller_who_waits_is_woken(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, 1)
        waiting = asyncio.create_task(world.results(call_id, 5.0))
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        assert not waiting.done()
        world.answer(task_id, input_id)
        assert len(await waiting) == 1

    play(scene)


def test_a_map_keeps_indices_and_a_cursor_gives_each_result_once(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define(concurrency_limit=1).function_id, *range(5), kind=MAP)
        task_id = await world.container()
        seen: list[int] = []
        cursor = 0
        for _ in range(5):
            [(input_id, _, args)] = await world.take(task_id)
            world.answer(task_id, input_id, data=args)
            found = await world.calls.outputs(call_id, timeout_s=1.0, after=cursor)
            cursor = found.last_entry
            seen += [api_pb2.FunctionGetOutputsItem.FromString(data).idx for data in found.items]
        assert sorted(seen) == list(range(5))
        assert not (await world.calls.outputs(call_id, timeout_s=0.0, after=cursor)).items

    play(scene)


def test_the_same_inputs_sent_twice_are_there_once(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, kind=MAP)
        first = world.calls.put(call_id, [item(0, 1), item(1, 2)])
        again = world.calls.put(call_id, [item(0, 1), item(1, 2), item(2, 3)])
        assert again[:2] == first
        assert world.calls.facts(call_id).total == 3

    play(scene)


def test_a_failed_input_is_repeated_as_retries_say_and_the_client_sees_one_result(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define(retry_policy=RETRIES).function_id, 1)
        task_id = await world.container()
        for attempt in range(3):
            [(input_id, given, _)] = await world.take(task_id)
            assert given == attempt
            world.answer(task_id, input_id, attempt, FAILURE)
        [output] = await world.results(call_id)
        assert output.result.status == FAILURE
        assert output.retry_count == 0  # the client counts its own retries only, and takes others for stale

    play(scene)


def test_a_result_that_comes_twice_or_from_another_attempt_changes_nothing(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define(retry_policy=RETRIES).function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        world.answer(task_id, input_id, 0, FAILURE)
        await world.take(task_id)
        world.answer(task_id, input_id, 0, SUCCESS, b"stale")
        assert world.calls.backlog.pending(APP) == 1
        world.answer(task_id, input_id, 1, SUCCESS, b"right")
        world.answer(task_id, input_id, 1, SUCCESS, b"again")
        assert [o.result.data for o in await world.results(call_id)] == [b"right"]

    play(scene)


def test_an_input_whose_answer_was_lost_is_given_again(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.call(world.define().function_id, 1)
        task_id = await world.container()
        first = await world.take(task_id, key="k")
        assert await world.take(task_id, key="k") == first

    play(scene)


def test_a_timeout_ends_the_attempt_and_its_container(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define(timeout_secs=1).function_id, 1)
        task_id = await world.container()
        await world.take(task_id)
        [output] = await world.results(call_id, 5.0)
        assert output.result.status == TIMEOUT
        assert "hit its timeout of 1s" in output.result.exception
        await asyncio.sleep(0)
        assert task_id in world.runtime.killed

    play(scene)


@pytest.mark.parametrize("option", ["timeout", "startup_timeout"])
def test_a_timeout_over_24_hours_is_refused(play: Play, option: str) -> None:
    async def scene(world: CallWorld) -> None:
        world.define(**{f"{option}_secs": 24 * 3600})
        with pytest.raises(InvalidError, match=f"{option}=86401 of .* over Modal's limit of 24 hours"):
            world.define(**{f"{option}_secs": 24 * 3600 + 1})

    play(scene)


def test_cancelling_ends_what_waits_and_tells_the_container_of_what_runs(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define(autoscaler_settings={"max_containers": 1}).function_id
        call_id = world.call(function_id, 1, 2, kind=MAP)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        heartbeat = asyncio.create_task(world.containers.heartbeat(task_id))
        await asyncio.sleep(0)
        world.calls.cancel(call_id)
        assert await heartbeat == [input_id]
        outputs = await world.results(call_id)
        assert [o.result.status for o in outputs] == [TERMINATED, TERMINATED]
        with pytest.raises(FailedPreconditionError, match="was cancelled"):
            world.calls.put(call_id, [item(2, 3)])

    play(scene)


def test_an_app_is_idle_when_its_last_input_ends(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        idle: list[str] = []
        world.calls.backlog.on_idle.append(idle.append)
        function_id = world.define().function_id
        first, second = world.call(function_id, 1), world.call(function_id, 2)
        world.calls.cancel(first)
        assert (idle, world.calls.backlog.pending(APP)) == ([], 1)
        world.calls.cancel(second)
        assert (idle, world.calls.backlog.pending(APP)) == ([APP], 0)

    play(scene)


def test_of_a_client_that_left_the_last_call_goes_on(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        calls = [world.call(function_id, n, invocation=ASYNC) for n in range(3)]
        world.calls.keep_last(APP)
        left = [len((await world.calls.outputs(c, timeout_s=0.0)).items) for c in calls]
        assert left == [1, 1, 0]

    play(scene)


def test_a_spawn_map_of_a_client_that_left_goes_on_as_one(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        other = world.call(function_id, 7, invocation=ASYNC)
        calls = [world.call(function_id, n, invocation=ASYNC, is_of_spawn_map=True) for n in range(3)]
        await world.restart()
        world.calls.keep_last(APP)
        left = [len((await world.calls.outputs(c, timeout_s=0.0)).items) for c in (other, *calls)]
        assert left == [1, 0, 0, 0]

    play(scene)


def test_chunks_come_in_order_and_wait(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, 1)
        waiting = asyncio.create_task(world.chunks.read(call_id, 1, 0, 5.0))
        await asyncio.sleep(0)
        chunks = [api_pb2.DataChunk(index=n, data=b"x") for n in (1, 2)]
        world.chunks.put(call_id, 1, chunks)
        world.chunks.put(call_id, 1, chunks[:1])
        assert [api_pb2.DataChunk.FromString(data).index for data in await waiting] == [1, 2]
        assert await world.chunks.read(call_id, 1, 2, 0.0) == []

    play(scene)


def test_calls_of_unknown_things(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        with pytest.raises(NotFoundError, match="fu-none"):
            world.call("fu-none", 1)
        with pytest.raises(NotFoundError, match="fc-none"):
            await world.calls.outputs("fc-none", timeout_s=0.0)

    play(scene)


def test_a_stopped_app_takes_no_calls(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define()
        world.db.run(
            "begin_app_stop",
            app_id=APP,
            state=api_pb2.APP_STATE_STOPPED,
            stop_reason="",
            stopped_by="",
        )
        with pytest.raises(FailedPreconditionError, match="has stopped"):
            world.call(definition.function_id, 1)

    play(scene)


def test_results_are_kept_until_their_week_is_over(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        call_id = world.call(function_id, 1, invocation=ASYNC)
        world.calls.cancel(call_id)
        world.calls.start_sweeping()
        assert len(await world.results(call_id)) == 1
        world.db._connection.execute("UPDATE function_calls SET created_at = created_at - 8 * 86400")
        world.calls.start_sweeping()
        assert world.calls.is_expired(call_id)
        assert not (await world.calls.outputs(call_id, timeout_s=5.0)).items  # at once

    play(scene)


def test_a_killed_engine_goes_on_with_what_was_written(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        function_id = world.define(concurrency_limit=1).function_id
        call_id = world.call(function_id, 10, 20, 30, kind=MAP)
        task_id = await world.container()
        [(first, _, _)] = await world.take(task_id)
        world.answer(task_id, first, data=b"done")
        [(second, attempt, _)] = await world.take(task_id)
        await world.restart()
        # the container that lives on hands in its result, and goes on with what waits
        world.answer(task_id, second, attempt, data=b"late")
        [(third, _, args)] = await world.take(task_id)
        assert args == b"30"
        world.answer(task_id, third, data=b"third")
        assert {o.result.data for o in await world.results(call_id)} == {b"done", b"late", b"third"}

    play(scene)


def test_inputs_of_containers_that_died_with_the_engine_go_to_others(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        call_id = world.call(world.define().function_id, 1)
        task_id = await world.container()
        await world.take(task_id)
        world.runtime.alive.clear()
        await world.restart()
        other = await world.container()
        assert other != task_id
        [(input_id, attempt, args)] = await world.take(other)
        assert args == b"1"
        world.answer(other, input_id, attempt)
        assert len(await world.results(call_id)) == 1

    play(scene)


def test_a_synchronous_call_ends_when_its_caller_hung_up(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.control.orphans.AFTER_S", 0.2)

    async def scene(world: CallWorld) -> None:
        function_id = world.define().function_id
        left, asked = world.call(function_id, 1), world.call(function_id, 2)
        spawned = world.call(function_id, 3, invocation=ASYNC)
        poll = asyncio.create_task(world.results(asked, 1.0))
        await asyncio.sleep(0.6)
        [output] = await world.results(left)
        assert output.result.status == TERMINATED
        assert "hung up" in output.result.exception
        assert world.calls.backlog.pending(APP) == 2
        poll.cancel()
        assert not (await world.calls.outputs(spawned, timeout_s=0.0)).items

    play(scene)


def test_a_detached_app_needs_no_caller(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.control.orphans.AFTER_S", 0.1)

    async def scene(world: CallWorld) -> None:
        world.call(world.define().function_id, 1)
        world.db._connection.execute("UPDATE apps SET detached = 1")
        await asyncio.sleep(0.4)
        assert world.calls.backlog.pending(APP) == 1

    play(scene)
