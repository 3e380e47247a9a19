"""Runs: hears what happens in the engine, keeps a row for each run, and tells those who watch it.

A `modal run` or `app.run()` is one run, and so is a deployment; of a deployed app each call from outside
and each firing of a schedule is one. What shaped a run is found out by others (launchers.py, run_sources.py)
and put together by run_compose.py; run_writer.py writes it down at the end. Nothing here may make a run fail:
what goes wrong is logged and named in the record. Only a listener may refuse a step, with a sentence.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from modal_proto import api_pb2

from homeport.control.definitions import AppFacts, Definition
from homeport.control.functions import Functions
from homeport.control.queues import Call as QueuedCall
from homeport.control.queues import Input
from homeport.control.runs.arguments import call_of, function_of
from homeport.control.runs.folders import RunFolders
from homeport.control.runs.gathered import Ending, GatheredRows, RunStart
from homeport.control.runs.handed import HandedSecrets
from homeport.control.runs.origins import Origin
from homeport.control.runs.watch import RunWatch
from homeport.control.tasks import Task
from homeport.model.errors import FailedPreconditionError, HomeportError
from homeport.model.home import Home
from homeport.plan.environment import Variable
from homeport.record.run import Kind, Launcher
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_LAUNCHER_LIMIT_S: Final = 2.0
_OPEN_END_S: Final = (
    30.0  # a map whose caller never says that all inputs came ends so long after its last result
)
_LEAVING_S: Final = 120.0  # for the last commits of an app's volumes
_CLOSE_S: Final = 3.0
_CALLERS_KNOWN: Final = 512
_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY


class FindLauncher(Protocol):
    """control/runs/launchers.py: who is at the other end of a connection. Slow: for a thread."""

    def __call__(self, peer: str, metadata: Mapping[str, str]) -> Launcher | None: ...


class Runs:
    """All runs of one engine that go on. `on_launched` is told of each app that a launcher begins."""

    def __init__(
        self,
        home: Home,
        db: Database,
        functions: Functions,
        ending: Ending,
        find_launcher: FindLauncher | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folders = RunFolders(home)
        self.watch = RunWatch(home, self.folders)
        # of a container whose folder is still there: in a thread, and then in the loop
        self.on_leaving: Callable[[str], None] = lambda task_id: None
        self.on_left: Callable[[Path], None] = lambda folder: None
        self.on_launched: Callable[[str, Launcher | None], None] = lambda app_id, launcher: None
        self._tasks = home.tasks
        self._db = db
        self._functions = functions
        self._ending = ending
        self._find = find_launcher
        self._now = now
        self._apps: dict[str, Kind] = {}  # apps that are runs, or deployments
        self._redeploying: dict[str, float] = {}  # deployed apps, and since when
        self._callers: dict[str, str] = {}  # a connection -> its file in runs/callers
        self.handed = HandedSecrets(db)
        self._gathered = GatheredRows(db, self.folders, ending, self.watch.forget, self._recording)
        self._background: set[asyncio.Task[None]] = set()

    # ---- starting and ending

    def recover(self) -> None:
        """Before calls and containers of an earlier engine are taken up."""
        self._gathered.recover()

    def open(self) -> None:
        """Takes up the runs of an earlier engine, after calls and containers were; those that nothing works
        for any more have ended."""
        with self._recording("", "runs without a row"):
            self._find_rowless()
        for row in self._db.all("runs_going_on"):
            run_id = row["run_id"]
            with self._recording(run_id, "that it goes on"):
                if run_id == row["app_id"]:
                    self._apps[run_id] = row["kind"]
                self.watch.look(run_id, row["app_id"])
                for task in self._db.all("run_tasks_live", run_id=run_id):
                    self.watch.work(task["task_id"], run_id, task["tag"] or "")
                if row["is_done"]:
                    self._finish(run_id, row["app_id"], row["done_at"] or self._now())

    def _find_rowless(self) -> None:
        """Runs whose rows were not written, or are damaged: their folders tell of them."""
        for app_id in list(self.folders.running()):
            app = self._db.one("run_app", app_id=app_id)
            if app is None or self._db.one("run_by_id", run_id=app_id) is not None:
                continue
            kind: Kind = "deployment" if app["name"] is not None else "run"
            self._begin(
                app_id, kind, app["name"] or app["description"], app["environment"], app["created_at"]
            )
            for task in self._db.all("run_app_tasks", app_id=app_id):
                self._db.run("run_task_insert", run_id=app_id, task_id=task["task_id"])
            self.folders.miss(app_id, "Its row was lost, and made again when the engine started.")

    async def close(self) -> None:
        if self._background:
            await asyncio.wait(self._background, timeout=_CLOSE_S)
        self.watch.close()
        for job in list(self._background):
            job.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._gathered.flush()

    # ---- apps

    async def launcher(self, peer: str, metadata: Mapping[str, str]) -> Launcher | None:
        """Who asks; None where that cannot be found out, or not soon."""
        if self._find is None or not peer.startswith("ipv4:"):
            return None
        try:
            async with asyncio.timeout(_LAUNCHER_LIMIT_S):
                return await asyncio.to_thread(self._find, peer, metadata)
        except Exception as error:
            logger.warning("who launches a run was not found out: %r", error)
            return None

    def launching(self, app_id: str, launcher: Launcher | None) -> None:
        """An app is about to be created, or deployed again. Raises what a listener refuses it with."""
        with self._recording(app_id, "who launched it"):
            if launcher is not None:
                file = self.folders.folder(app_id) / "launch.json"
                self.folders.write_launcher(file, launcher, self.handed.of(app_id))
        try:
            self.watch.tell("launched", app_id, launcher)
        except HomeportError:
            self.folders.remove_facts(app_id)
            raise
        self.watch.look(app_id, app_id)
        with self._recording(app_id, "its source"):
            self.on_launched(app_id, launcher)

    def created(self, app_id: str, name: str, environment: str, is_deployment: bool) -> None:
        """Within the transaction that writes the app."""
        with self._recording(app_id, "its row"):
            self._begin(app_id, "deployment" if is_deployment else "run", name, environment)

    def redeploying(self, app_id: str, launcher: Launcher | None) -> None:
        """A deployed app is to get another version: once it has, its record begins anew. Raises what a
        listener refuses it with."""
        self.launching(app_id, launcher)
        self._redeploying[app_id] = self._now()

    def rolling(self, app_id: str, launcher: Launcher | None) -> None:
        """As `redeploying`, with what was deployed before: who asks for that gives nothing of its shell."""
        with self._recording(app_id, "who launched it"):
            if launcher is not None:
                known = replace(launcher, shell=(), notes=())
                file = self.folders.folder(app_id) / "launch.json"
                self.folders.write_launcher(file, known, self.handed.of(app_id))
            self.on_launched(app_id, launcher)
        self._redeploying[app_id] = self._now()

    async def published(self, app_id: str) -> None:
        """With this a deployment is complete; a run only begins."""
        with self._recording(app_id, "its deployment"):
            app = self._functions.app(app_id)
            if not app.deployed:
                return
            self._apps[app_id] = "deployment"
            if began_at := self._redeploying.pop(app_id, 0.0):
                self._begin(app_id, "deployment", app.name, app.environment, began_at)
            self._db.run("run_deployed", run_id=app_id, app=app.name)
            self._finish(app_id, app_id, self._now())

    def stopped(self, app_id: str) -> None:
        """All of the app's containers have ended; what they leave may still be looked through."""
        if self._apps.pop(app_id, None) is not None:
            self._spawn(self._finish_app(app_id, self._now()))

    async def _finish_app(self, app_id: str, ended_at: float) -> None:
        try:
            async with asyncio.timeout(_LEAVING_S):
                await self.watch.all_left(app_id)
        except TimeoutError:
            self.folders.miss(app_id, "Its record was written before all that its containers left was there.")
        self._finish(app_id, app_id, ended_at)

    # ---- calls

    async def caller(self, peer: str, metadata: Mapping[str, str], function_id: str) -> None:
        """Finds out, once for each connection, who calls deployed functions through it."""
        if self._find is None or peer in self._callers or not peer.startswith("ipv4:"):
            return
        with self._recording("", "who called"), contextlib.suppress(HomeportError):
            app_id = self._functions.get(function_id).app_id
            if not self._functions.app(app_id).deployed:
                return
            if len(self._callers) >= _CALLERS_KNOWN:
                self._callers.pop(next(iter(self._callers)))
            self._callers[peer] = ""
            launcher = await self.launcher(peer, metadata)
            if launcher is not None:
                name = f"{launcher.pid}-{int(self._now() * 1000)}"
                self.folders.write_launcher(self.folders.caller(name), launcher, self.handed.of(app_id))
                self._callers[peer] = name

    def calling(
        self,
        call: QueuedCall,
        definition: Definition,
        app: AppFacts,
        parent: QueuedCall | None,
        items: Sequence[api_pb2.FunctionPutInputsItem],
        origin: Origin,
    ) -> None:
        """A call is about to be written; says which run it belongs to. Raises what a listener refuses it
        with."""
        if not origin.is_run or definition.is_build_step:
            return
        call.run_id = self._run_of(call, app, parent)
        if call.run_id == call.call_id and self.watch.listeners:
            self.watch.look(call.run_id, call.app_id)
        if call.run_id and self.watch.is_watched(call.run_id):
            self._tell_call(call, definition, app, parent, items)

    def _run_of(self, call: QueuedCall, app: AppFacts, parent: QueuedCall | None) -> str:
        """That of the call which makes it, if there is one: a web request is none, but its app may be."""
        if parent is not None and parent.run_id:
            return parent.run_id
        for app_id in (parent.app_id if parent is not None else "", call.app_id):
            if self._apps.get(app_id) == "run":
                return app_id
        return call.call_id if app.deployed else ""

    def _tell_call(
        self,
        call: QueuedCall,
        definition: Definition,
        app: AppFacts,
        parent: QueuedCall | None,
        items: Sequence[api_pb2.FunctionPutInputsItem],
    ) -> None:
        found = call_of(call, definition, items[0].input if items else None, parent)
        try:
            self.watch.tell("called", call.run_id, call.app_id, app.name, found)
        except HomeportError:
            if call.run_id == call.call_id:
                self.watch.forget([call.run_id])
            raise
        if call.run_id == call.call_id and not self.watch.look(call.run_id, call.app_id):
            self.watch.forget([call.run_id])  # now that its arguments are known, nobody minds

    def called(
        self,
        call: QueuedCall,
        definition: Definition,
        app: AppFacts,
        items: Sequence[api_pb2.FunctionPutInputsItem],
        origin: Origin,
    ) -> None:
        """Within the transaction that writes the call."""
        if not call.run_id:
            return
        function = function_of(definition.tag, items[0].input if items else None)
        if call.run_id != call.call_id:
            if not call.is_nested and origin.kind != "schedule":
                with self._recording(call.run_id, "its row"):
                    self._db.run("run_name_function", run_id=call.run_id, function=function)
            return
        assert origin.kind is not None
        start = RunStart(
            run_id=call.run_id,
            app_id=call.app_id,
            kind=origin.kind,
            app=app.name,
            environment=app.environment,
            function=function,
            launcher=self._callers.get(origin.peer, ""),
            started_at=call.created_at,
        )
        if origin.kind == "call" and not self.watch.is_watched(call.run_id):
            self._gathered.began(start)
            return
        with self._recording(call.run_id, "its row"):
            # a contract's verdict goes into it, and what fired it could not be found out again
            self._gathered.write_now(start)

    def settled(self, call: QueuedCall) -> None:
        """All inputs of a call that are there have their results."""
        if not call.run_id or call.run_id != call.call_id:
            return
        if call.kind == _UNARY:
            self._settle(call, self._now())
        elif call.has_all or call.cancelled:
            self._settle(call, self._last_result_at(call))
        else:
            asyncio.get_running_loop().call_later(_OPEN_END_S, self._settle_if_quiet, call)

    def _settle_if_quiet(self, call: QueuedCall) -> None:
        ended_at = self._last_result_at(call)
        row = self._db.one("run_by_id", run_id=call.run_id)
        is_open = row is None or row["ended_at"] is None
        if is_open and not call.unfinished and self._now() - ended_at > _OPEN_END_S / 2:
            self._settle(call, ended_at)  # else it was, or a later look follows

    def _last_result_at(self, call: QueuedCall) -> float:
        """When a map was done, which may be long before anybody says so."""
        row = self._db.one("run_call_outcomes", call_ids=json.dumps([call.call_id]))
        return (row["done_at"] if row is not None else None) or self._now()

    def _settle(self, call: QueuedCall, ended_at: float) -> None:
        if self.watch.is_watched(call.run_id):
            self._spawn(self._settle_watched(call.run_id, call.app_id, ended_at))
            return
        self._gathered.ended(call, ended_at)

    async def _settle_watched(self, run_id: str, app_id: str, ended_at: float) -> None:
        await self.watch.settle(run_id)
        self._finish(run_id, app_id, ended_at)

    # ---- containers

    async def starting(self, task_id: str, definition: Definition, variables: Mapping[str, Variable]) -> None:
        """A container is about to be started. Raises what a listener refuses it with."""
        if definition.is_build_step:
            return
        self.watch.compose(task_id, variables)
        await self._hand(definition.app_id, variables)
        if self._apps.get(definition.app_id) == "run":
            self._work(task_id, definition.app_id, definition.function_id)
            if sentence := await self.watch.acted(definition.app_id):
                raise FailedPreconditionError(sentence)
        # one of a deployed function works for the runs whose inputs it is given; a Sandbox of a deployed app
        # is given none, and works for no run

    async def _hand(self, app_id: str, variables: Mapping[str, Variable]) -> None:
        """No record may hold the values of Secrets that a container gets; one that was written before may."""
        with self._recording(app_id, "which values are to be left out"):
            if self.handed.hand(app_id, variables.values()):
                await asyncio.to_thread(self.folders.leave_out, app_id, self.handed.of(app_id))

    def claimed(self, task_id: str, entries: Sequence[Input]) -> None:
        """A container was given inputs: it works for their runs. Within the transaction that writes it."""
        known = self.watch.runs_of(task_id)
        for entry in entries:
            run_id = entry.call.run_id
            if not run_id or run_id in known:
                continue
            if run_id not in self._apps and not self.watch.is_watched(run_id):  # quick, for each call
                self._gathered.worked(run_id, task_id)
                self.watch.work(task_id, run_id, "")
                continue
            with self._recording(run_id, "its containers"), contextlib.suppress(HomeportError):
                self._work(task_id, run_id, entry.call.function_id)

    def _work(self, task_id: str, run_id: str, function_id: str) -> None:
        with self._recording(run_id, "its containers"):
            self._db.run("run_task_insert", run_id=run_id, task_id=task_id)
        function = self._functions.get(function_id).tag if self.watch.is_watched(run_id) else ""
        self.watch.work(task_id, run_id, function)

    async def container_ended(self, task: Task) -> None:
        """Its folder is still there."""
        if task.definition.is_build_step:
            return
        with self._recording(task.app_id, "what its container left"):
            await self.watch.silent(task.task_id)
            self._gathered.flush()  # it may be needed for one of these
            if self._apps.get(task.app_id) == "run" or self._db.one("run_of_task", task_id=task.task_id):
                with self._recording(task.app_id, "the configuration files that it opened"):
                    await asyncio.to_thread(self.on_leaving, task.task_id)
                values = self.handed.of(task.app_id)
                await asyncio.to_thread(self.folders.leave_out_of_task, task.task_id, values)
                self._keep(task.app_id, task.task_id)
        self.watch.left(task.task_id)

    def left_over(self, app_id: str, task_id: str) -> None:
        """A container ended while no engine ran; its folder is about to be removed."""
        with self._recording(app_id, "what its container left"):
            if self._db.one("run_of_task", task_id=task_id) is not None:
                self.folders.leave_out_of_task(task_id, self.handed.of(app_id))
                self._keep(app_id, task_id)

    # ---- inside

    def _keep(self, app_id: str, task_id: str) -> None:
        with self._recording(app_id, "the state of its volumes"):
            self.on_left(self._tasks / task_id)
        self.folders.keep_task(app_id, task_id)

    def _begin(self, app_id: str, kind: Kind, name: str, environment: str, started_at: float = 0.0) -> None:
        self._apps[app_id] = kind
        self._db.run(
            "run_insert",
            run_id=app_id,
            app_id=app_id,
            kind=kind,
            app=name,
            environment=environment,
            started_at=started_at or self._now(),
        )

    def _finish(self, run_id: str, app_id: str, ended_at: float) -> None:
        with self._recording(run_id, "its end"), self._db.transaction():
            self._ending.ended(run_id, app_id, ended_at)
        row = self._db.one("run_by_id", run_id=run_id)
        self.watch.tell_end(run_id, row["state"] if row is not None else "stopped")
        self.watch.forget([run_id])

    @contextlib.contextmanager
    def _recording(self, run_id: str, what: str) -> Iterator[None]:
        """What fails here is told in the record, and to nobody else: the run goes on."""
        try:
            yield
        except HomeportError:
            raise
        except Exception as error:
            logger.exception("recording of %s: %s", run_id or "a call", what)
            if run_id:
                self.folders.miss(run_id, f"{what[0].upper()}{what[1:]} was not recorded: {error}.")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._background.add(job)
        job.add_done_callback(self._background.discard)
