"""When a definition takes effect, which containers it outdates, and what a rollback brings back."""

import asyncio

import pytest
from modal_proto import api_pb2

from homeport.control import deployments
from homeport.model.errors import FailedPreconditionError, InvalidError, NotFoundError
from tests.support.call_world import APP, MAP, CallWorld, Play

KEPT_WARM = {"min_containers": 1, "scaledown_window": 1}


async def settled(world: CallWorld) -> set[str]:
    """The containers once the engine has done what it had to."""
    for _ in range(5):
        await asyncio.sleep(0.01)
    return set(world.runtime.alive)


async def ask(world: CallWorld, task_id: str) -> list[tuple[str, int, bytes]]:
    """What a container gets that asks for inputs; one that is told to end does."""
    taken = await world.take(task_id)
    if not taken:
        world.runtime.end(task_id, 0)
        await settled(world)
    return taken


def test_a_definition_of_a_published_app_takes_effect_when_it_is_published_again(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        first = world.define(timeout_secs=60)
        world.publish(first)
        world.call(first.function_id, 1)
        task_id = await world.container()
        newer = world.define(existing=first.function_id, timeout_secs=90)
        assert newer.timeout_s == 90
        assert world.functions.get(first.function_id).timeout_s == 60
        [(input_id, _, _)] = await world.take(task_id)
        world.answer(task_id, input_id)
        waiting = asyncio.create_task(ask(world, task_id))
        await asyncio.sleep(0)
        assert not waiting.done(), "the container goes on until the app is published"
        world.publish(newer)
        assert await waiting == []
        assert world.functions.get(first.function_id).timeout_s == 90

    play(scene)


def test_a_killed_engine_forgets_neither_what_is_in_effect_nor_what_is_not_yet(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        first = world.define(timeout_secs=60)
        world.publish(first)
        newer = world.define(existing=first.function_id, timeout_secs=90)
        await world.restart()
        assert world.functions.get(first.function_id) == first
        world.publish(newer)
        await world.restart()
        assert world.functions.get(first.function_id) == newer

    play(scene)


def test_min_containers_start_when_the_app_is_published_and_again_with_the_next_engine(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define(autoscaler_settings=KEPT_WARM)
        assert await settled(world) == set()
        world.publish(definition, deployed=True)
        [kept] = await settled(world)
        await world.restart()
        assert await settled(world) == {kept}, "it lives on, and no second one starts"
        world.runtime.alive.clear()  # the machine was restarted too
        await world.restart()
        assert len(await settled(world)) == 1

    play(scene)


def test_a_function_that_the_app_has_no_more_loses_its_containers_when_they_are_done(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        kept, removed = (world.define(tag, autoscaler_settings=KEPT_WARM) for tag in ("kept", "removed"))
        world.publish(kept, removed)
        assert len(await settled(world)) == 2
        call_id = world.call(removed.function_id, 1)
        [task_id] = [t.task_id for t in world.containers.lives.tasks.values() if t.definition == removed]
        [(input_id, _, _)] = await world.take(task_id)
        world.publish(kept)
        world.answer(task_id, input_id)
        assert await ask(world, task_id) == []
        assert len(await world.results(call_id)) == 1
        assert len(await settled(world)) == 1
        await world.restart()
        assert len(await settled(world)) == 1

    play(scene)


def test_what_a_version_has_no_more_is_not_kept_though_the_engine_was_killed_at_that_moment(
    play: Play,
) -> None:
    async def scene(world: CallWorld) -> None:
        removed = world.define(autoscaler_settings=KEPT_WARM)
        world.publish(removed)
        [task_id] = await settled(world)
        with world.db.transaction():
            deployments.put_layout(world.db, api_pb2.AppPublishRequest(app_id=APP), "1.6.4", 1.0)
        await world.restart()
        assert await ask(world, task_id) == [], "it ends when it was idle for its window"
        assert await settled(world) == set()

    play(scene)


def test_overrides_of_the_autoscaler_end_with_the_next_deployment(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        first = world.define()
        world.publish(first, deployed=True)
        world.functions.update_autoscaler(first.function_id, api_pb2.AutoscalerSettings(max_containers=3))
        newer = world.define(existing=first.function_id)
        assert world.functions.get(first.function_id).max_containers == 3
        world.publish(newer, deployed=True)
        assert world.functions.get(first.function_id).max_containers == 0

    play(scene)


def test_a_definition_of_another_function_is_refused_and_nothing_changes(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        f, g = world.define("f"), world.define("g")
        world.publish(f, g, deployed=True)
        request = api_pb2.AppPublishRequest(
            app_id=APP, function_ids={"f": f.function_id}, definition_ids={f.function_id: g.definition_id}
        )
        with (
            pytest.raises(InvalidError, match=f"{f.function_id} has no definition {g.definition_id}"),
            world.db.transaction(),
        ):
            deployments.add_version(world.db, request, "1.6.4", 0.0)
        assert deployments.newest_layout(world.db, APP).version == 1

    play(scene)


def roll_back(world: CallWorld, version: int = -1) -> None:
    with world.db.transaction():
        deployments.roll_back(world.db, APP, version, 1.0)
    world.containers.prepare_app(APP)


def test_a_rollback_brings_functions_and_layout_back_as_a_new_version(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        world.have_image("im-1")
        first = world.define("f", timeout_secs=60)
        world.publish(first, deployed=True)
        newer = world.define("f", existing=first.function_id, timeout_secs=90)
        world.publish(newer, world.define("g"), deployed=True)
        roll_back(world)
        layout = deployments.newest_layout(world.db, APP)
        assert (layout.version, dict(layout.function_ids)) == (3, {"f": first.function_id})
        assert world.functions.get(first.function_id).timeout_s == 60
        roll_back(world)
        assert world.functions.get(first.function_id).timeout_s == 90
        assert [row["rollback_version"] for row in deployments.versions(world.db, APP)] == [2, 1, 0, 0]

    play(scene)


def test_what_cannot_be_brought_back(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        first = world.define("f", secret_ids=["st-1"])
        world.publish(first, deployed=True)
        with pytest.raises(FailedPreconditionError, match="no version before its first"):
            roll_back(world)
        with pytest.raises(NotFoundError, match=r"has no version v7; it has only version v1"):
            roll_back(world, 7)
        world.publish(world.define("f", existing=first.function_id), deployed=True)
        for version in (0, 3):
            with pytest.raises(NotFoundError, match=rf"no version v{version}; it has versions v1 to v2"):
                roll_back(world, version)
        with pytest.raises(
            FailedPreconditionError, match=r"is the one that runs.*modal app rollover ap-test"
        ):
            roll_back(world, 2)
        with pytest.raises(FailedPreconditionError, match=r"v1 .* image im-1, secret st-1 of it is gone"):
            roll_back(world, 1)
        assert deployments.newest_layout(world.db, APP).version == 2

    play(scene)


def test_a_rollover_outdates_every_container_and_changes_nothing_else(play: Play) -> None:
    async def scene(world: CallWorld) -> None:
        definition = world.define(timeout_secs=60)
        world.publish(definition, deployed=True)
        world.call(definition.function_id, 1, 2, kind=MAP)
        old = await settled(world)
        with world.db.transaction():
            deployments.roll_over(world.db, APP, 1.0)
        await world.restart()  # killed before it could tell the containers
        for task_id in old:
            assert await ask(world, task_id) == []
        assert world.functions.get(definition.function_id).timeout_s == 60
        assert len(await settled(world)) == 2
        assert not old & await settled(world)

    play(scene)
