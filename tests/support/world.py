"""An engine's apps, environments and logs on a real database, and a server for the real client."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from modal_proto import api_pb2

from homeport.api.apps import AppServicer
from homeport.api.client import ClientServicer
from homeport.api.environments import EnvironmentServicer
from homeport.api.gateway import Gateway
from homeport.api.logs import LogServicer
from homeport.api.tasks import TaskServicer
from homeport.control.apps import Apps
from homeport.control.environments import Environments
from homeport.control.logs import Logs
from homeport.model.home import Home
from homeport.plan import log_records
from homeport.store.database import Database

TOKEN = ("ak-test", "as-test")


class World:
    """One engine's state in a folder. `restart` makes the objects anew, as after kill -9."""

    def __init__(self, root: Path, heartbeat_limit_s: float = 60.0) -> None:
        self.home = Home(root)
        self.home.create()
        self.heartbeat_limit_s = heartbeat_limit_s
        self.url = ""
        self._build()

    def _build(self) -> None:
        self.database = Database(self.home.database)
        self.environments = Environments(self.database)
        self.logs = Logs(self.home, self.database)
        self.apps = Apps(
            self.database, self.environments, self.logs, heartbeat_limit_s=self.heartbeat_limit_s
        )

    def restart(self) -> None:
        self.database.close()
        self._build()

    def new_app(self, state: int = api_pb2.APP_STATE_EPHEMERAL, environment: str = "") -> str:
        return self.apps.create("test app", environment, state, {})

    async def published(self, state: int = api_pb2.APP_STATE_EPHEMERAL, name: str = "") -> str:
        app_id = self.new_app(state if state != api_pb2.APP_STATE_DEPLOYED else 0)
        await self.apps.publish(api_pb2.AppPublishRequest(app_id=app_id, app_state=state, name=name), "1.6.4")
        return app_id

    def start_task(self, app_id: str, task_id: str, at: float, function_id: str = "fu-1") -> None:
        self.database._connection.execute(
            "INSERT INTO tasks (task_id, app_id, function_id, definition_id, image_id, state, enqueued_at,"
            " started_at) VALUES (?, ?, ?, 'de-1', 'im-1', ?, ?, ?)",
            (task_id, app_id, function_id, api_pb2.TASK_STATE_IDLE, at, at),
        )
        self.logs.task_state(task_id, api_pb2.TASK_STATE_IDLE)

    def finish_task(self, task_id: str, at: float, exit_code: int = 0) -> None:
        self.database._connection.execute(
            "UPDATE tasks SET finished_at = ?, exit_code = ?, state = ? WHERE task_id = ?",
            (at, exit_code, api_pb2.TASK_STATE_COMPLETED, task_id),
        )
        self.logs.task_state(task_id, api_pb2.TASK_STATE_COMPLETED)

    def give_input(
        self, task_id: str, input_id: str, call_id: str, start_s: float, end_s: float | None
    ) -> None:
        """A container works on an input of a call."""
        execute = self.database._connection.execute
        execute(
            "INSERT INTO function_calls (call_id, function_id, app_id, kind, invocation, created_at)"
            " VALUES (?, 'fu-1', 'ap-1', 1, 1, 0) ON CONFLICT DO NOTHING",
            (call_id,),
        )
        execute(
            "INSERT INTO inputs (input_id, call_id, idx, state, task_id, input, started_at, finished_at)"
            " VALUES (?, ?, (SELECT count(*) FROM inputs), 1, ?, x'', ?, ?)",
            (input_id, call_id, task_id, start_s, end_s),
        )

    def print(self, task_id: str, at: float, data: bytes, fd: int = log_records.STDOUT) -> None:
        """What a supervisor does: a record, and a word to the engine."""
        self.append(task_id, log_records.encode(at, fd, data))
        self.logs.task_output(task_id)

    def append(self, name: str, raw: bytes) -> None:
        with (self.home.logs / f"{name}.log").open("ab") as file:
            file.write(raw)

    @asynccontextmanager
    async def serving(self, url: str = "") -> AsyncIterator[str]:
        """A server on loopback for the real client, at the address of an earlier one if given; yields it."""
        gateway = Gateway(
            [
                AppServicer(self.apps, self.database),
                ClientServicer(),
                EnvironmentServicer(self.environments),
                LogServicer(self.logs),
                TaskServicer(self.database),
            ],
            *TOKEN,
        )
        server = gateway.server()
        port = server.listen(url.removeprefix("http://") or "127.0.0.1:0")
        await server.start()
        await self.apps.open()
        self.url = f"http://127.0.0.1:{port}"
        try:
            yield self.url
        finally:
            await self.apps.close()
            await server.stop()

    async def client(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Python with the official client against the server: `-m modal app list`, `-c CODE`."""
        process = await self.spawn(*arguments)
        out, err = await process.communicate()
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, out.decode(), err.decode())

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home.root),
            "COLUMNS": "200",
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": TOKEN[0],
            "MODAL_TOKEN_SECRET": TOKEN[1],
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


async def wait_until(
    holds: Callable[[], object] | Callable[[], Awaitable[object]], within_s: float = 60.0
) -> None:
    """Lets the loop run until a condition holds; fails after `within_s`."""
    async with asyncio.timeout(within_s):
        while True:
            found = holds()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)
