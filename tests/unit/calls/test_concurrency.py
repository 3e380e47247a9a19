"""Containers that take several inputs at once: how many there are, and when they end."""

import asyncio

from tests.support.call_world import MAP, CallWorld, Play


def test_as_many_containers_start_as_the_target_asks_for(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        aimed = world.define(max_concurrent_inputs=20, target_concurrent_inputs=4)
        assert aimed.target_inputs == 4
        world.call(aimed.function_id, *range(8), kind=MAP)
        await world.container(2)
        await asyncio.sleep(0.05)
        assert len(world.runtime.alive) == 2

    play(scene)


def test_without_a_target_the_maximum_counts_and_a_batch_is_one_of_them(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        assert world.define("f", max_concurrent_inputs=5).target_inputs == 5
        assert world.define("g", batch_max_size=4).target_inputs == 4
        assert world.define("h", max_concurrent_inputs=5, batch_max_size=4).target_inputs == 20

    play(scene)


def test_a_container_that_works_on_an_input_is_not_scaled_down_for_want_of_a_second(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        window = {"scaledown_window": 1}
        function_id = world.define(max_concurrent_inputs=2, autoscaler_settings=window).function_id
        world.call(function_id, 1)
        task_id = await world.container()
        [(input_id, _, _)] = await world.take(task_id)
        second = asyncio.create_task(world.take(task_id))
        await asyncio.sleep(1.2)
        assert not second.done()
        world.call(function_id, 2)
        [(other_id, _, _)] = await second
        for done in (input_id, other_id):
            world.answer(task_id, done)
        assert await world.take(task_id) == []

    play(scene)
