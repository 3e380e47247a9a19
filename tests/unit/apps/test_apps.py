"""The life of apps, on a real database, with restarts in between."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from modal_proto import api_pb2

from homeport.control.lookups import Lookups
from homeport.model.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidError,
    NotFoundError,
    NotServedError,
)
from homeport.plan.suggestions import nearest
from tests.support.world import World, wait_until

EPHEMERAL, DETACHED = api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_DETACHED
DEPLOYED, STOPPED = api_pb2.APP_STATE_DEPLOYED, api_pb2.APP_STATE_STOPPED
GONE = api_pb2.APP_STATE_DETACHED_DISCONNECTED
COMPLETED = api_pb2.APP_DISCONNECT_REASON_ENTRYPOINT_COMPLETED


def in_loop(story: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await story()

    asyncio.run(run())


def publish(app_id: str, state: int, name: str = "", **tags: str) -> api_pb2.AppPublishRequest:
    return api_pb2.AppPublishRequest(app_id=app_id, app_state=state, name=name, function_ids=tags)


def test_an_ephemeral_app_stops_with_its_client(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        stopped: list[str] = []

        async def hook(app_id: str) -> None:
            assert world.apps.state(app_id) == api_pb2.APP_STATE_STOPPING
            stopped.append(app_id)

        world.apps.on_stop.append(hook)
        app_id = await world.published(EPHEMERAL)
        world.apps.require_running(app_id)
        world.apps.disconnect(app_id, COMPLETED, "")
        with pytest.raises(FailedPreconditionError, match="local entrypoint completed"):
            world.apps.require_running(app_id)
        await wait_until(lambda: world.apps.state(app_id) == STOPPED)
        world.apps.disconnect(app_id, COMPLETED, "")  # a second word changes nothing
        assert stopped == [app_id]

    in_loop(story)


def test_an_app_whose_client_is_silent_stops(tmp_path: object, world: World) -> None:
    world.heartbeat_limit_s = 0.05
    world.restart()

    async def story() -> None:
        await world.apps.open()
        silent, alive = await world.published(EPHEMERAL), await world.published(EPHEMERAL)
        deployed = await world.published(DEPLOYED, "kept")

        async def beat() -> bool:
            world.apps.heartbeat(alive)
            return world.apps.state(silent) == STOPPED

        await wait_until(beat)
        assert world.apps.state(alive) == EPHEMERAL
        assert world.apps.state(deployed) == DEPLOYED
        with pytest.raises(FailedPreconditionError):
            world.apps.heartbeat(silent)
        await world.apps.close()

    in_loop(story)


def test_a_detached_app_outlives_its_client_until_no_call_is_pending(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        pending = {"n": 1}
        told: list[str] = []

        async def on_disconnect(app_id: str) -> None:
            told.append(app_id)

        world.apps.pending = lambda app_id: pending["n"]
        world.apps.on_disconnect.append(on_disconnect)
        app_id = world.new_app(DETACHED)
        await world.apps.publish(publish(app_id, DETACHED), "1.6.4")
        world.apps.idle(app_id)  # its client is there: idle is no end
        world.apps.disconnect(app_id, api_pb2.APP_DISCONNECT_REASON_KEYBOARD_INTERRUPT, "")
        await wait_until(lambda: told == [app_id])
        assert world.apps.state(app_id) == GONE
        world.apps.heartbeat(app_id)  # a late one of a client that said goodbye
        assert world.apps.state(app_id) == GONE
        pending["n"] = 0
        world.apps.idle(app_id)
        await wait_until(lambda: world.apps.state(app_id) == STOPPED)

    in_loop(story)


def test_a_detached_app_whose_client_was_only_silent_takes_it_back(world: World) -> None:
    world.heartbeat_limit_s = 0.03
    world.restart()

    async def story() -> None:
        await world.apps.open()
        world.apps.pending = lambda app_id: 1
        app_id = await world.published(DETACHED)
        await wait_until(lambda: world.apps.state(app_id) == GONE)
        world.apps.heartbeat(app_id)
        assert world.apps.state(app_id) == DETACHED
        await world.apps.close()

    in_loop(story)


def test_after_a_restart_clients_have_the_whole_limit_to_be_heard(world: World) -> None:
    world.heartbeat_limit_s = 0.2
    ids: list[str] = []

    async def before() -> None:
        await world.apps.open()
        ids.extend([await world.published(EPHEMERAL), await world.published(EPHEMERAL)])
        ids.append(await world.published(DEPLOYED, "kept"))

    async def after() -> None:
        await world.apps.open()
        alive, silent, deployed = ids
        assert world.apps.state(alive) == EPHEMERAL

        async def beat() -> bool:
            world.apps.heartbeat(alive)
            return world.apps.state(silent) == STOPPED

        await wait_until(beat)
        assert world.apps.state(alive) == EPHEMERAL
        assert world.apps.state(deployed) == DEPLOYED
        await world.apps.close()

    in_loop(before)
    world.restart()
    in_loop(after)


def test_a_stop_that_a_killed_engine_began_is_finished(world: World) -> None:
    ids: list[str] = []

    async def before() -> None:
        await world.apps.open()

        async def never(app_id: str) -> None:
            await asyncio.Event().wait()

        world.apps.on_stop.append(never)
        ids.append(await world.published(EPHEMERAL))
        world.apps.disconnect(ids[0], COMPLETED, "")
        assert world.apps.state(ids[0]) == api_pb2.APP_STATE_STOPPING
        await world.apps.close()

    async def after() -> None:
        done: list[str] = []

        async def hook(app_id: str) -> None:
            done.append(app_id)

        world.apps.on_stop.append(hook)
        await world.apps.open()
        await wait_until(lambda: world.apps.state(ids[0]) == STOPPED)
        assert done == ids

    in_loop(before)
    world.restart()
    in_loop(after)


def test_a_failing_hook_does_not_keep_an_app_from_stopping(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        await world.apps.open()

        async def broken(app_id: str) -> None:
            raise RuntimeError("broken")

        world.apps.on_stop.append(broken)
        app_id = await world.published(EPHEMERAL)
        await world.apps.stop(app_id, "user stopped from CLI", by="me")
        assert world.apps.state(app_id) == STOPPED
        assert "a step failed" in caplog.text

    in_loop(story)


def test_deploying_again_makes_a_version_and_keeps_the_app(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        published: list[str] = []

        async def on_publish(app_id: str) -> None:
            published.append(app_id)

        world.apps.on_publish.append(on_publish)
        app_id = world.new_app(api_pb2.APP_STATE_INITIALIZING)
        await world.apps.publish(publish(app_id, DEPLOYED, "shop", f="fu-1"), "1.6.4")
        await world.apps.publish(publish(app_id, DEPLOYED, "shop", f="fu-1", g="fu-2"), "1.6.4")
        assert world.apps.layout(app_id).version == 2
        assert Lookups(world.apps).function_id("", "shop", "g") == "fu-2"
        assert published == [app_id, app_id]
        with pytest.raises(NotFoundError, match=r"'h' is not in the deployed app 'shop' \(it has f, g\)"):
            Lookups(world.apps).function_id("main", "shop", "h")
        with pytest.raises(NotFoundError, match=r"App 'nothing' is not deployed.*modal deploy FILE$"):
            Lookups(world.apps).function_id("main", "nothing", "f")
        world.apps.disconnect(app_id, api_pb2.APP_DISCONNECT_REASON_DEPLOYMENT_EXCEPTION, "")
        assert world.apps.state(app_id) == DEPLOYED
        await world.apps.stop(app_id, "user stopped from CLI")
        with pytest.raises(NotFoundError):
            world.apps.deployed("main", "shop")
        deployed, previous = world.apps.named("main", "shop")
        assert deployed is None and previous is not None and previous["app_id"] == app_id

    in_loop(story)


def test_of_two_first_deployments_at_once_the_later_one_stays(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        first, second = world.new_app(), world.new_app()
        await world.apps.publish(publish(first, DEPLOYED, "shop"), "1.6.4")
        await world.apps.publish(publish(second, DEPLOYED, "shop"), "1.6.4")
        await wait_until(lambda: world.apps.state(first) == STOPPED)
        assert world.apps.deployed("main", "shop")["app_id"] == second

    in_loop(story)


def test_what_is_refused(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        app_id = world.new_app()
        with pytest.raises(NotServedError, match="staged"):
            await world.apps.publish(api_pb2.AppPublishRequest(app_id=app_id, staged=True), "1.6.4")
        with pytest.raises(InvalidError, match="without a name"):
            await world.apps.publish(publish(app_id, DEPLOYED), "1.6.4")
        with pytest.raises(NotFoundError, match="modal app list"):
            world.apps.heartbeat("ap-nothing")
        with pytest.raises(NotFoundError, match="modal environment create dev"):
            world.new_app(environment="dev")
        with pytest.raises(InvalidError, match="APP_STATE_STOPPED"):
            world.apps.create("x", "", STOPPED, {})

    in_loop(story)


def test_the_nearest_names_are_suggested() -> None:
    names = ["train-model", "train-tokenizer", "serve", "Evaluate_All"]
    assert nearest("train_modle", names, 4)[0] == "train-model"
    assert nearest("evaluate-all", names, 4) == ["Evaluate_All"]
    assert nearest("tra", names, 4) == ["train-model", "train-tokenizer"]
    assert nearest("zzz", names, 4) == nearest("serve", names, 0) == []


def test_environments(world: World) -> None:
    async def story() -> None:
        await world.apps.open()
        assert [row["name"] for row in world.environments.all()] == ["main"]
        world.environments.create("dev")
        app_id = world.new_app(environment="dev")
        with pytest.raises(FailedPreconditionError, match=app_id):
            world.environments.remove("dev")
        with pytest.raises(FailedPreconditionError, match=f"while its apps run; stop {app_id} first"):
            world.environments.rename("dev", "test")
        await world.apps.stop(app_id, "done")
        for name, new_name, error in (
            ("main", "test", FailedPreconditionError),
            ("dev", "main", AlreadyExistsError),
            ("dev", "a name", InvalidError),
            ("nothing", "test", NotFoundError),
        ):
            with pytest.raises(error):
                world.environments.rename(name, new_name)
        assert world.environments.rename("dev", "test")["name"] == "test"
        assert world.apps.get(app_id)["environment"] == "test"
        world.environments.remove("test")
        with pytest.raises(FailedPreconditionError, match="default"):
            world.environments.remove("main")
        with pytest.raises(InvalidError, match=r"2025\.06"):
            world.environments.set_image_builder("main", "2023.12")

    in_loop(story)
