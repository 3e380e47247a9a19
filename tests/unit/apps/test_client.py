"""The official client, in a process of its own, against a server with apps and logs."""

import asyncio
import time

from modal_proto import api_pb2

from tests.support.world import World, wait_until

RUN = """
import modal, sys
app = modal.App("hello")
with modal.enable_output(), app.run(detach=len(sys.argv) > 1):
    print("ID", app.app_id, flush=True)
    sys.stdin.read() if False else None
    import time; time.sleep(0.4)
"""


def test_app_run_prints_what_containers_print_and_ends(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            process = await world.spawn("-c", RUN)
            await wait_until(lambda: world.database.all("unstopped_apps"))
            app_id = world.database.all("unstopped_apps")[0]["app_id"]
            now = time.time()

            async def end(app_id: str) -> None:
                world.print("ta-1", now + 2, "last words é\n".encode())
                world.finish_task("ta-1", now + 2)

            world.apps.on_stop.append(end)
            world.start_task(app_id, "ta-1", now)
            world.print("ta-1", now, b"hello from the container\n")
            out, err = await process.communicate()
            text = out.decode()
            assert process.returncode == 0, err.decode()
            assert f"Initialized. View run at modal app logs {app_id}" in text
            assert "hello from the container" in text
            assert "last words é" in text
            assert "Stopping app - local entrypoint completed." in text
            assert "App completed." in text
            assert world.apps.state(app_id) == api_pb2.APP_STATE_STOPPED

    asyncio.run(story())


def test_commands_on_apps(world: World) -> None:
    async def story() -> None:
        async with world.serving():
            app_id = await world.published(api_pb2.APP_STATE_DEPLOYED, "my-app")
            now = time.time()
            world.start_task(app_id, "ta-" + "1" * 22, now - 10)
            for n in range(150):
                world.print("ta-" + "1" * 22, now - 9 + n / 100, f"line {n} of 150\n".encode())
            listed, history, logs, found, containers, by_container = await asyncio.gather(
                world.client("-m", "modal", "app", "list"),
                world.client("-m", "modal", "app", "history", "my-app"),
                world.client("-m", "modal", "app", "logs", "my-app"),
                world.client("-m", "modal", "app", "logs", app_id, "--since", "1h", "--search", "line 14"),
                world.client("-m", "modal", "container", "list"),
                world.client("-m", "modal", "container", "logs", "ta-" + "1" * 22, "--all"),
            )
            assert app_id in listed.stdout and "deployed" in listed.stdout, listed
            assert "v1" in history.stdout and "1.6.4" in history.stdout, history
            assert "line 149 of 150" in logs.stdout and "line 50 of" in logs.stdout, logs
            assert "line 49 of" not in logs.stdout  # the last 100
            assert found.stdout.count("line") == 11, found
            assert "ta-" + "1" * 22 in containers.stdout, containers
            assert by_container.stdout.count("of 150") == 150, by_container

            async def end(app_id: str) -> None:
                world.finish_task("ta-" + "1" * 22, time.time())

            world.apps.on_stop.append(end)
            stopped = await world.client("-m", "modal", "app", "stop", "my-app", "--yes")
            assert stopped.returncode == 0, stopped
            again = await world.client("-m", "modal", "app", "stop", "my-app", "--yes")
            assert "already stopped" in again.stderr and "Stopped at" in again.stderr, again
            listed = await world.client("-m", "modal", "app", "list", "--json")
            assert '"state": "stopped"' in listed.stdout, listed
            unknown = await world.client("-m", "modal", "app", "logs", "nothing")
            assert unknown.returncode != 0
            assert "No App with name 'nothing' found in the 'main' environment" in unknown.stderr, unknown

    asyncio.run(story())
