"""The official client, in a process of its own, against a server with apps and logs."""

import asyncio
import json
import time

import pytest
from modal_proto import api_pb2

from homeport.api import client_versions
from homeport.plan import log_records
from tests.support.world import World, wait_until

TASK = "ta-" + "1" * 22
RUN = """
import sys, time, modal
app = modal.App("hello")
with modal.enable_output(), app.run(detach="detach" in sys.argv):
    print("running", flush=True)
    time.sleep(float(sys.argv[1]))
"""


async def running_app(world: World) -> str:
    """The one app that runs, once it is published."""
    states = (api_pb2.APP_STATE_EPHEMERAL, api_pb2.APP_STATE_DETACHED)
    await wait_until(lambda: [r for r in world.database.all("unstopped_apps") if r["state"] in states])
    return str(world.database.all("unstopped_apps")[0]["app_id"])


def ends_tasks(world: World, *task_ids: str, say: bytes = b"") -> None:
    """Containers that end when their app stops, as the real ones do."""

    async def end(app_id: str) -> None:
        for task_id in task_ids:
            if say:
                world.print(task_id, time.time(), say)
            world.finish_task(task_id, time.time())

    world.apps.on_stop.append(end)


def test_app_run_prints_what_containers_print_and_ends(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            process = await world.spawn("-c", RUN, "0.3")
            app_id = await running_app(world)
            ends_tasks(world, TASK, say="last words é\n".encode())
            world.start_task(app_id, TASK, time.time())
            world.print(TASK, time.time(), b"hello from the container\n")
            out, err = await process.communicate()
            said = out.decode()
            assert process.returncode == 0, err.decode()
            assert f"Initialized. View run at modal app logs {app_id}" in said
            assert "hello from the container" in said
            assert "last words é" in said
            assert "Stopping app - local entrypoint completed." in said
            assert "App completed." in said
            assert world.apps.state(app_id) == api_pb2.APP_STATE_STOPPED

    asyncio.run(story())


def test_a_client_that_is_killed_takes_its_app_with_it(world: World) -> None:
    world.heartbeat_limit_s = 0.3
    world.restart()

    async def story() -> None:
        async with world.serving():
            process = await world.spawn("-c", RUN, "60")
            app_id = await running_app(world)
            process.kill()
            await process.communicate()
            await wait_until(lambda: world.apps.state(app_id) == api_pb2.APP_STATE_STOPPED)
            logs = await world.client("-m", "modal", "app", "logs", app_id)
            assert "local client disconnected without a word" in logs.stdout

    asyncio.run(story())


def test_a_detached_app_outlives_a_client_that_is_killed(world: World) -> None:
    world.heartbeat_limit_s = 0.3
    world.restart()

    async def story() -> None:
        async with world.serving():
            world.apps.pending = lambda app_id: 1
            process = await world.spawn("-c", RUN, "60", "detach")
            app_id = await running_app(world)
            world.start_task(app_id, TASK, time.time())
            process.kill()
            await process.communicate()
            gone = api_pb2.APP_STATE_DETACHED_DISCONNECTED
            await wait_until(lambda: world.apps.state(app_id) == gone)
            follower = await world.spawn("-m", "modal", "app", "logs", app_id, "-f")
            world.print(TASK, time.time(), b"still training\n")
            ends_tasks(world, TASK, say=b"trained\n")
            world.apps.pending = lambda app_id: 0
            await wait_until(lambda: world.logs._followers)
            world.apps.idle(app_id)
            out, err = await follower.communicate()
            assert follower.returncode == 0, err.decode()
            assert "still training" in out.decode() and "trained\n" in out.decode()
            assert world.apps.state(app_id) == api_pb2.APP_STATE_STOPPED

    asyncio.run(story())


def test_deployed_apps_are_listed_with_their_history(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            app_id = await world.published(api_pb2.APP_STATE_DEPLOYED, "my-app")
            world.start_task(app_id, TASK, time.time())
            listed, history, info = await asyncio.gather(
                world.client("-m", "modal", "app", "list", "--json"),
                world.client("-m", "modal", "app", "history", "my-app"),
                world.client("-m", "modal", "app", "info", app_id),
            )
            row = json.loads(listed.stdout)[0]
            assert (row["app_id"], row["state"], row["tasks"]) == (app_id, "deployed", "1"), listed
            assert "v1" in history.stdout and "1.6.4" in history.stdout, history
            assert "Deployment" in info.stdout, info
            unknown = await world.client("-m", "modal", "app", "history", "my_apps")
            assert unknown.returncode != 0
            assert "No App with name 'my_apps' found in the 'main' environment" in unknown.stderr
            assert "my-app" in unknown.stderr  # the client's "did you mean"

    asyncio.run(story())


def test_logs_are_read_by_their_end_by_time_and_by_text(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            app_id = await world.published(api_pb2.APP_STATE_DEPLOYED, "my-app")
            start = time.time() - 10
            world.start_task(app_id, TASK, start)
            for n in range(150):
                world.print(TASK, start + n / 100, f"line {n} of 150\n".encode())
            tail, found, by_function, containers, by_container = await asyncio.gather(
                world.client("-m", "modal", "app", "logs", "my-app", "--show-container-id"),
                world.client("-m", "modal", "app", "logs", app_id, "--since", "1h", "--search", "line 14"),
                world.client("-m", "modal", "app", "logs", app_id, "--function", "fu-other"),
                world.client("-m", "modal", "container", "list"),
                world.client("-m", "modal", "container", "logs", TASK, "--all", "--timestamps"),
            )
            assert f"{TASK} line 149 of 150" in tail.stdout and "line 50 of" in tail.stdout, tail
            assert "line 49 of" not in tail.stdout  # the last 100
            assert found.stdout.count("line") == 11, found
            assert by_function.stdout == "" and by_function.returncode == 0, by_function
            assert TASK in containers.stdout and app_id in containers.stdout, containers
            assert by_container.stdout.count("of 150") == 150, by_container
            world.give_input(TASK, "in-1", "fc-1", start + 0.195, start + 0.395)
            call, shown, unknown = await asyncio.gather(
                world.client("-m", "modal", "app", "logs", app_id, "--function-call", "fc-1"),
                world.client(
                    "-m", "modal", "app", "logs", app_id, "--show-function-call-id", "--tail", "130"
                ),
                world.client("-m", "modal", "app", "logs", app_id, "--function-call", "fc-2"),
            )
            numbers = [int(line.split()[1]) for line in call.stdout.splitlines()]
            assert numbers == list(range(20, 65)), call  # and what came within 0.25 s of its end
            assert "fc-1 line 21 of 150" in shown.stdout, shown
            assert unknown.returncode != 0 and "Function call fc-2 does not exist" in unknown.stderr

    asyncio.run(story())


def test_an_app_is_stopped_by_name(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            app_id = await world.published(api_pb2.APP_STATE_DEPLOYED, "my-app")
            world.start_task(app_id, TASK, time.time())
            ends_tasks(world, TASK)
            asked = await world.client("-m", "modal", "app", "stop", "my-app")
            assert "terminate 1 running container" in asked.stdout and asked.returncode != 0, asked
            stopped = await world.client("-m", "modal", "app", "stop", "my-app", "--yes")
            assert stopped.returncode == 0, stopped
            assert world.apps.state(app_id) == api_pb2.APP_STATE_STOPPED
            again = await world.client("-m", "modal", "app", "stop", "my-app", "--yes")
            assert "already stopped. (Stopped at" in again.stderr, again
            logs = await world.client("-m", "modal", "app", "logs", "my-app")
            assert "Stopping app - user stopped from CLI." in logs.stdout, logs

    asyncio.run(story())


LOOKUP = """
import modal
app = modal.App.lookup("found", create_if_missing=True)
app.set_tags({"team": "red"})
print(app.app_id, app.get_tags())
assert modal.App.lookup(app.app_id).app_id == app.app_id
app.stop()
try:
    modal.App.lookup("found")
except modal.exception.NotFoundError as error:
    print(error)
"""


def test_apps_are_looked_up_and_tagged_from_python(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            said = await world.client("-c", LOOKUP)
            assert "{'team': 'red'}" in said.stdout, said
            assert "App 'found' is not deployed in environment 'main'" in said.stdout, said

    asyncio.run(story())


def test_environments_are_created_listed_and_deleted(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            created = await world.client("-m", "modal", "environment", "create", "dev")
            assert created.returncode == 0, created
            builder = ("environment", "update", "dev", "--set-image-builder-version", "2026.10")
            assert (await world.client("-m", "modal", *builder)).returncode == 0
            listed = await world.client("-m", "modal", "environment", "list", "--json")
            assert [row["name"] for row in json.loads(listed.stdout)] == ["dev", "main"], listed
            assert json.loads(listed.stdout)[0]["image_builder_version"] == "2026.10"
            world.database._connection.execute(
                "INSERT INTO secrets (secret_id, environment, name, env, created_at)"
                " VALUES ('st-1', 'dev', 'keys', '{}', 0)"
            )
            held = await world.client("-m", "modal", "environment", "delete", "dev", "--yes")
            assert held.returncode != 0 and "still holds secret keys" in held.stderr, held
            world.database._connection.execute("DELETE FROM secrets")
            deleted = await world.client("-m", "modal", "environment", "delete", "dev", "--yes")
            assert deleted.returncode == 0, deleted
            missing = await world.client("-m", "modal", "app", "list", "--env", "dev")
            assert "Environment 'dev' does not exist; `modal environment create dev`" in missing.stderr

    asyncio.run(story())


def test_the_token_and_a_client_that_is_newer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_versions, "known", lambda: "1.5.0")

    async def story() -> None:
        async with world.serving():
            token = await world.client("-m", "modal", "token", "info")
            assert "ak-test" in token.stdout and "homeport" in token.stdout, token
            hello = await world.client("-c", "import modal; modal.Client.from_env().hello()")
            assert "newer than the 1.5.0 that Homeport knows" in hello.stderr, hello

    asyncio.run(story())


def test_a_detached_run_outlives_an_engine_that_was_killed(world: World) -> None:
    async def story() -> None:
        async with world.serving() as url:
            world.apps.pending = lambda app_id: 1
            process = await world.spawn("-c", RUN, "60", "detach")
            app_id = await running_app(world)
            world.start_task(app_id, TASK, time.time())
            for n in range(5):
                world.print(TASK, time.time(), b"before %d\n" % n)
            follower = await world.spawn("-m", "modal", "app", "logs", app_id, "-f")
            assert follower.stdout is not None
            while b"before 4" not in await follower.stdout.readline():
                pass
            process.kill()
            await process.communicate()
        world.append(TASK, log_records.encode(time.time(), 1, "while it was dead €\n".encode()))
        follower.kill()
        await follower.communicate()
        world.restart()
        world.apps.pending = lambda app_id: 1
        async with world.serving(url):
            assert world.apps.state(app_id) == api_pb2.APP_STATE_DETACHED
            ends_tasks(world, TASK, say=b"after\n")
            follower = await world.spawn("-m", "modal", "app", "logs", app_id, "-f")
            await wait_until(lambda: world.logs._followers)
            await world.apps.stop(app_id, "done")
            out, err = await follower.communicate()
            assert follower.returncode == 0, err.decode()
            expected = [*(f"before {n}" for n in range(5)), "while it was dead €", "after"]
            assert [line for line in out.decode().splitlines() if line in expected] == expected

    asyncio.run(story())
