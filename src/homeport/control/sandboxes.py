"""Sandboxes: containers that run a command of the client's, from their creation to their result.

Each has a row, and a definition like a function's, so it is started, adopted by the next engine and ended
like any container. Commands beside its own are left to execs.py, its output to sandbox_output.py.
"""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import Iterable, Mapping

from modal_proto import api_pb2

from homeport.control.containers import Containers
from homeport.control.definitions import Definition
from homeport.control.execs import Execs
from homeport.control.functions import Functions
from homeport.control.sandbox_definition import definition_of, judged
from homeport.control.secrets import Secrets
from homeport.control.tasks import Task
from homeport.model.errors import (
    AlreadyExistsError,
    ContainerStartError,
    FailedPreconditionError,
    NotFoundError,
    NotServedError,
)
from homeport.model.ids import SANDBOX, new_id
from homeport.plan.resources import Machine
from homeport.runtime import isolation
from homeport.store.database import Database

_Result = api_pb2.GenericResult
_PAGE = 100


class Sandboxes:
    """All sandboxes of one engine."""

    def __init__(
        self,
        db: Database,
        machine: Machine,
        functions: Functions,
        secrets: Secrets,
        containers: Containers,
        execs: Execs,
        *,
        gpu_required: bool = False,
    ) -> None:
        self._db = db
        self._machine = machine
        self._gpu_required = gpu_required
        self._functions = functions
        self._secrets = secrets
        self._containers = containers
        self._execs = execs
        self._ended: dict[str, asyncio.Event] = {}
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}
        self._used: dict[str, float] = {}  # by task: when somebody last did something with it
        self._stdin_locks: dict[str, asyncio.Lock] = {}
        self._stdin_index: dict[str, int] = {}
        containers.lives.on_ended.append(self._settle)
        execs.on_activity.append(self._note_use)

    def open(self) -> None:
        """Takes up what an earlier engine left, before its containers are looked for."""
        for row in self._db.all("sandboxes_unfinished"):
            definition = api_pb2.Sandbox.FromString(row["definition"])
            self._adopt(row["sandbox_id"], row["app_id"], definition, json.loads(row["secret_ids"]))
            self._ended[row["sandbox_id"]] = asyncio.Event()
            self._watch(row["sandbox_id"], row["task_id"], definition, time.time() - row["created_at"])

    def close(self) -> None:
        for timers in self._timers.values():
            for timer in timers:
                timer.cancel()

    # ---- making

    async def create(
        self,
        app_id: str,
        sandbox: api_pb2.Sandbox,
        tags: Mapping[str, str],
        sources: Iterable[api_pb2.SecretSource] = (),
    ) -> tuple[sqlite3.Row, list[str]]:
        """A sandbox whose container runs, and what has to be said of its options. Raises NotServedError,
        AlreadyExistsError for its name, ResourceExhaustedError, and ContainerStartError with the reason."""
        app = self._functions.app(app_id)
        if app.stopped:
            raise FailedPreconditionError(f"App {app_id} has stopped; run it, or look it up, again.")
        if isolation.chosen() == isolation.PROCESS:
            raise NotServedError(
                "Sandboxes are made for code that nobody vouches for, and --engine process isolates nothing; "
                "to run them: homeport down && homeport up --engine auto"
            )
        warnings = judged(sandbox)
        if sandbox.name and self._db.one(
            "sandbox_by_name", app_id=app_id, name=sandbox.name, include_ended=False
        ):
            raise AlreadyExistsError(
                f"App {app.name} has a running Sandbox named {sandbox.name} already; terminate it first."
            )
        sandbox_id = new_id(SANDBOX)
        secret_ids = [*sandbox.secret_ids, *self._secret_ids(app.environment, app_id, sources)]
        definition = self._adopt(sandbox_id, app_id, sandbox, secret_ids, gpu_required=self._gpu_required)
        self._ended[sandbox_id] = asyncio.Event()
        with self._db.transaction():
            task = self._containers.start_sandbox(definition)
            self._db.run(
                "sandbox_insert",
                sandbox_id=sandbox_id,
                app_id=app_id,
                task_id=task.task_id,
                name=sandbox.name,
                definition=sandbox.SerializeToString(),
                secret_ids=json.dumps(secret_ids),
                created_at=time.time(),
            )
            self.set_tags(sandbox_id, tags)
        await task.started.wait()
        if not task.is_started:
            reason = task.end.reason if task.end else "it ended before it began"
            raise ContainerStartError(f"{definition.tag} could not be started: {reason}")
        self._watch(sandbox_id, task.task_id, sandbox, 0.0)
        return self.row(sandbox_id), [*warnings, *definition.grant.warnings]

    def _secret_ids(
        self, environment: str, app_id: str, sources: Iterable[api_pb2.SecretSource]
    ) -> Iterable[str]:
        """Secrets in the order given; those that came with the request get a row like others."""
        for source in sources:
            if source.WhichOneof("source") == "secret_id":
                yield source.secret_id
            elif source.env.contents:
                yield self._secrets.create_anonymous(environment, source.env.contents, app_id).secret_id

    def _adopt(
        self,
        sandbox_id: str,
        app_id: str,
        sandbox: api_pb2.Sandbox,
        secret_ids: list[str],
        *,
        gpu_required: bool = False,
    ) -> Definition:
        definition = definition_of(
            sandbox_id, app_id, sandbox, secret_ids, self._machine, gpu_required=gpu_required
        )
        self._functions.adopt(definition)
        return definition

    # ---- looking

    def row(self, sandbox_id: str) -> sqlite3.Row:
        """Raises NotFoundError."""
        row = self._db.one("sandbox_by_id", sandbox_id=sandbox_id)
        if row is None:
            raise NotFoundError(f"Sandbox {sandbox_id} does not exist on this engine.")
        return row

    def named(self, app_id: str, app_name: str, name: str, *, include_ended: bool) -> sqlite3.Row:
        """Raises NotFoundError."""
        row = self._db.one("sandbox_by_name", app_id=app_id, name=name, include_ended=include_ended)
        if row is None:
            raise NotFoundError(f"App {app_name} has no running Sandbox named {name}.")
        return row

    def page(
        self,
        app_id: str,
        environment: str,
        tags: Mapping[str, str],
        before: float,
        *,
        include_ended: bool,
    ) -> list[sqlite3.Row]:
        """Sandboxes made before a time, the newest first."""
        return self._db.all(
            "sandboxes_before",
            app_id=app_id,
            environment=environment,
            tags=json.dumps(dict(tags)),
            before=before or time.time() + 1.0,
            include_ended=include_ended,
            most=_PAGE,
        )

    def tags(self, sandbox_id: str) -> dict[str, str]:
        return {row["name"]: row["value"] for row in self._db.all("sandbox_tags_of", sandbox_id=sandbox_id)}

    def set_tags(self, sandbox_id: str, tags: Mapping[str, str]) -> None:
        """In place of those before."""
        with self._db.transaction():
            self._db.run("sandbox_tags_clear", sandbox_id=sandbox_id)
            for name, value in tags.items():
                self._db.run("sandbox_tag_insert", sandbox_id=sandbox_id, name=name, value=value)

    async def wait(self, sandbox_id: str, timeout_s: float) -> sqlite3.Row:
        """Its row once it has ended, or as it is when the time is over. Raises NotFoundError."""
        row = self.row(sandbox_id)
        if row["ended_at"] is None and timeout_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended[sandbox_id].wait(), timeout_s)
            row = self.row(sandbox_id)
        return row

    # ---- using and ending

    async def write_stdin(self, sandbox_id: str, index: int, data: bytes, *, is_last: bool) -> None:
        """Messages are numbered from 1; one that comes again is done already. Raises FailedPreconditionError
        where its command has ended."""
        task_id = self.row(sandbox_id)["task_id"]
        lock = self._stdin_locks.setdefault(sandbox_id, asyncio.Lock())
        async with lock:
            if index <= self._stdin_index.get(sandbox_id, 0):
                return
            written = await self._execs.input_status(task_id, "")
            await self._execs.write(task_id, "", written.offset, data, is_last=is_last)
            self._stdin_index[sandbox_id] = index

    def terminate(self, sandbox_id: str) -> sqlite3.Row:
        """Its row as it was: one that has ended stays as it ended. Raises NotFoundError."""
        row = self.row(sandbox_id)
        if row["ended_at"] is None:
            self._end(sandbox_id, row["task_id"], _Result.GENERIC_STATUS_TERMINATED, "It was terminated.")
        return row

    def _end(self, sandbox_id: str, task_id: str, status: int, reason: str) -> None:
        self._db.run("sandbox_ending", sandbox_id=sandbox_id, status=status, exception=reason)
        self._containers.end_sandbox(task_id, reason)

    def _watch(self, sandbox_id: str, task_id: str, sandbox: api_pb2.Sandbox, age_s: float) -> None:
        if sandbox_id not in self._ended:
            return  # it was short
        loop = asyncio.get_running_loop()
        self._used[task_id] = time.monotonic()
        limit_s = float(sandbox.timeout_secs)
        status, said = _Result.GENERIC_STATUS_TIMEOUT, f"It hit its timeout of {limit_s:g} s."
        self._timers[sandbox_id] = [
            loop.call_later(max(0.0, limit_s - age_s), self._end, sandbox_id, task_id, status, said)
        ]
        if sandbox.idle_timeout_secs:
            self._watch_use(sandbox_id, task_id, float(sandbox.idle_timeout_secs))

    def _watch_use(self, sandbox_id: str, task_id: str, limit_s: float) -> None:
        """Ends it once nobody has used it for so long, and no command of a client runs in it."""
        if self._execs.is_busy(task_id):
            self._note_use(task_id)
        left_s = self._used.get(task_id, 0.0) + limit_s - time.monotonic()
        if left_s <= 0:
            status = _Result.GENERIC_STATUS_IDLE_TIMEOUT
            self._end(sandbox_id, task_id, status, f"It hit its idle_timeout of {limit_s:g} s.")
            return
        timer = asyncio.get_running_loop().call_later(left_s, self._watch_use, sandbox_id, task_id, limit_s)
        self._timers[sandbox_id][1:] = [timer]

    def _note_use(self, task_id: str) -> None:
        if task_id in self._used:
            self._used[task_id] = time.monotonic()

    async def _settle(self, task: Task) -> None:
        """Its container has ended: the result, as clients are told it."""
        if task.definition.sandbox is None or task.end is None:
            return
        sandbox_id = task.function_id
        row = self.row(sandbox_id)
        if row["status"]:  # ended by us
            status, said = row["status"], row["exception"]
        elif not task.is_started:
            status, said = _Result.GENERIC_STATUS_INIT_FAILURE, task.end.reason
        elif task.kill_reason:
            status, said = _Result.GENERIC_STATUS_TERMINATED, task.kill_reason
        elif task.end.exit_code:
            status, said = _Result.GENERIC_STATUS_FAILURE, task.end.reason
        else:
            status, said = _Result.GENERIC_STATUS_SUCCESS, ""
        self._db.run(
            "sandbox_end",
            sandbox_id=sandbox_id,
            ended_at=task.end.ended_at or time.time(),
            status=status,
            exit_code=task.end.exit_code,
            exception=said,
        )
        self._functions.drop(sandbox_id)
        self._drop_secrets(row)
        for timer in self._timers.pop(sandbox_id, ()):
            timer.cancel()
        self._used.pop(task.task_id, None)
        self._stdin_locks.pop(sandbox_id, None)
        self._stdin_index.pop(sandbox_id, None)
        if event := self._ended.pop(sandbox_id, None):
            event.set()

    def _drop_secrets(self, row: sqlite3.Row) -> None:
        """Those that came with the request: nobody else can name them."""
        own = set(json.loads(row["secret_ids"])) - set(
            api_pb2.Sandbox.FromString(row["definition"]).secret_ids
        )
        for secret_id in sorted(own):
            with contextlib.suppress(NotFoundError):
                self._secrets.delete(secret_id)
