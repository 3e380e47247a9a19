"""An engine's calls and containers with the records of its runs, over a real database and a real folder."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from modal_proto import api_pb2

from homeport.control.runs.records import RunRecords
from homeport.control.runs.service import RunService
from homeport.control.runs.task_record import TaskRecords
from homeport.record.run import Launcher, Run
from tests.support.call_world import CallWorld
from tests.support.world import wait_until

LAUNCHER = Launcher(("modal", "run", "app.py::f"), "/work", 7)


class RunWorld(CallWorld):
    """`apps` stands for Apps: what tells of creation, publishing and end."""

    def _build(self) -> None:
        super()._build()
        states = SimpleNamespace(get=lambda volume_id: SimpleNamespace(name="v", stack=(), linked_path=None))
        tasks = TaskRecords(self.machine, self.functions, states, lambda secret_id: 'Secret "s"')
        self.service = RunService(self.home, self.db, self.machine, self.functions, tasks)
        self.runs = self.service.runs
        self.apps: Any = SimpleNamespace(on_created=[], on_publish=[], on_stopped=[])
        self.service.connect(self.apps, self.calls, self.containers, self.containers._starter)
        self.records = RunRecords(self.home)

    async def open(self) -> None:
        await super().open()
        self.service.open("namespaces")

    async def close(self) -> None:
        await self.service.close()
        await super().close()

    async def restart(self) -> None:
        """The engine was killed: nothing of it was told of its end, and what it gathered is lost."""
        if (timer := self.runs._gathered._timer) is not None:
            timer.cancel()
        for job in list(self.runs._background):
            job.cancel()
        worker, self.service.writer._worker = self.service.writer._worker, None
        if worker is not None:
            worker.cancel()
        if self.service.samples is not None:
            await self.service.samples.close()
        self.runs.watch.close()
        await super().restart()

    def launch(self, app_id: str, launcher: Launcher | None = LAUNCHER, *, deployed: bool = False) -> None:
        """Creates an app as a client does."""
        self.runs.launching(app_id, launcher)
        with self.db.transaction():
            self.app(api_pb2.APP_STATE_EPHEMERAL, app_id)
            self.runs.created(app_id, "test", "main", deployed)

    async def deploy(self, app_id: str) -> None:
        row = self.db.one("app_by_id", app_id=app_id)
        assert row is not None
        self.db.run("name_app", app_id=app_id, name="test", description="test")
        self.db.run(
            "set_app_state",
            app_id=app_id,
            state=api_pb2.APP_STATE_DEPLOYED,
            detached=False,
            heartbeat_at=None,
        )
        for hook in self.apps.on_publish:
            await hook(app_id)

    async def stop(self, app_id: str, reason: str = "local entrypoint completed") -> None:
        self.db.run(
            "begin_app_stop",
            app_id=app_id,
            state=api_pb2.APP_STATE_STOPPING,
            stop_reason=reason,
            stopped_by="",
        )
        self.calls.stop_app(app_id, f"App {app_id} was stopped.")
        await self.containers.stop_app(app_id)
        self.db.run("finish_app_stop", app_id=app_id, state=api_pb2.APP_STATE_STOPPED, stopped_at=5e9)
        self.runs.stopped(app_id)

    async def written(self, run_id: str) -> Run:
        """The record, once it is a file."""
        await wait_written(self, run_id)
        return self.records.record(run_id)


async def wait_written(world: RunWorld, run_id: str) -> None:
    await wait_until(lambda: is_marked(world, run_id))


def is_marked(world: RunWorld, run_id: str) -> bool:
    row = world.db.one("run_by_id", run_id=run_id)
    if row is None or not row["is_written"]:
        return False
    folder = world.runs.folders.folder(run_id)  # what is in it is removed a moment later
    return not (folder.exists() if row["kind"] == "run" else (folder / "launch.json").exists())


PlayRuns = Callable[[Callable[[RunWorld], Awaitable[None]]], None]
