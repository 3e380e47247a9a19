"""Image.run_function: a function is called once, and what its container wrote becomes a layer.

It is called like any other, in a container over the image that is being built: its timeout, resources,
Secrets and Volumes are those of all functions. What it prints goes to the build's log, its result is dropped.
How a container starts and ends is left to containers.py, the layer's key to image_walk.py.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from modal_proto import api_pb2

from homeport.control.calls import Calls, pickled_input
from homeport.control.functions import Functions
from homeport.control.protocols import LogSink, MountSource
from homeport.control.queues import Call, Input
from homeport.control.runs.origins import NO_RUN
from homeport.control.tasks import Task
from homeport.model.home import Home
from homeport.plan.log_records import decode
from homeport.runtime.kept_files import keep_files
from homeport.runtime.step_output import Output, StepEndedError, StepFailedError, StepOutput
from homeport.store.database import Database

_POLL_S = 600.0
_BLOCK_BYTES = 256 * 1024
_Result = api_pb2.GenericResult


@dataclass(eq=False)
class _Run:
    """One call. `live` are its containers, `last` the one that gave the result; `result` is None where nobody
    waits for it any more."""

    tree: Path
    output: StepOutput
    call: Call
    live: set[str] = field(default_factory=set)
    last: str = ""
    offsets: dict[str, int] = field(default_factory=dict)
    result: "asyncio.Future[api_pb2.GenericResult | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    is_kept: bool = False


class BuildFunctions:
    """The functions that builds call; also the log of all containers, which tells theirs apart."""

    def __init__(
        self, home: Home, db: Database, functions: Functions, calls: Calls, mounts: MountSource, logs: LogSink
    ) -> None:
        self._home = home
        self._db = db
        self._functions = functions
        self._calls = calls
        self._mounts = mounts
        self._logs = logs
        self._runs: dict[str, _Run] = {}  # by function
        self._of_task: dict[str, str] = {}  # the function of a container; empty for those of no build
        calls.backlog.on_released.append(self._released)

    def open(self) -> None:
        """Ends what builds of an earlier engine called: nobody waits for it. Before containers start."""
        for row in self._db.all("calls_of_build_steps"):
            self._calls.cancel(row["call_id"], reason="The build that called it was interrupted.")

    def warnings(self, function_id: str) -> tuple[str, ...]:
        """Where this machine does not give the function what it asks for. Raises NotFoundError."""
        return tuple(self._functions.get(function_id).grant.warnings)

    async def run(self, function_id: str, payload: bytes, tree: Path, log: Output) -> None:
        """Calls the function once; `tree`, an empty folder among the layers, then holds what it wrote.

        Raises StepFailedError, StepEndedError, NotFoundError, FailedPreconditionError.
        """
        given = api_pb2.FunctionInput.FromString(payload) if payload else pickled_input()
        call = self._calls.start(function_id, given, NO_RUN)
        run = self._runs[function_id] = _Run(tree, StepOutput(log), call)
        try:
            result = await self._result(call.call_id)
            run.result.set_result(result)
            while run.live:  # a volume is committed, and what was printed last is read
                run.changed.clear()
                await run.changed.wait()
            run.output.end()
            if result.status != _Result.GENERIC_STATUS_SUCCESS:
                raise self._failure(function_id, run, result)
            if not run.is_kept:
                raise StepFailedError(1, run.output.last_lines, "its container was lost before it ended")
        finally:
            del self._runs[function_id]
            if not run.result.done():
                run.result.set_result(None)
            if call.unfinished:
                self._calls.cancel(call.call_id, reason="The build that called it was ended.", terminate=True)
            self._calls.clear(call.call_id)

    async def _result(self, call_id: str) -> api_pb2.GenericResult:
        while True:
            found = await self._calls.outputs(call_id, timeout_s=_POLL_S)
            if found.items:
                return api_pb2.FunctionGetOutputsItem.FromString(found.items[0]).result

    def _failure(self, function_id: str, run: _Run, result: api_pb2.GenericResult) -> StepFailedError:
        said = result.exception.strip() or "it said nothing"
        if result.status == _Result.GENERIC_STATUS_TERMINATED:
            return StepEndedError(function_id, said)
        is_raised = bool(result.traceback)
        reason = f"raised {said}" if is_raised else f"did not come to its end: {said}"
        return StepFailedError(result.exitcode or 1, run.output.last_lines, reason)

    # ---- hooks

    def _released(self, entry: Input, task_id: str) -> None:
        run = self._runs.get(entry.call.function_id)
        if run is not None and entry.call is run.call:
            run.last = task_id

    async def collect(self, task: Task) -> None:
        """A container has ended, and its folder is still there."""
        run = self._runs.get(task.function_id)
        if run is None or not task.definition.is_build_step:
            return
        try:
            self._read(run, task.task_id)
            if task.task_id == run.last and not run.call.unfinished:
                result = await asyncio.shield(run.result)
                if result is not None and result.status == _Result.GENERIC_STATUS_SUCCESS:
                    await asyncio.to_thread(self._keep, task, run.tree)
                    run.is_kept = True
        finally:
            run.live.discard(task.task_id)
            run.changed.set()

    def _keep(self, task: Task, tree: Path) -> None:
        function = task.definition.function
        points = [mount.mount_path for mount in function.volume_mounts]
        trees = [self._mounts.tree(mount_id) for mount_id in function.mount_ids]
        above = [found for found in trees if found is not None]
        keep_files(self._home.tasks / task.task_id, tree, points, above)

    # ---- the log of containers

    def system(self, app_id: str, task_id: str, text: str) -> None:
        function_id = self._build_function(task_id)
        if not function_id:
            self._logs.system(app_id, task_id, text)
        elif run := self._runs.get(function_id):
            run.output.add(f"{text.rstrip()}\n".encode())

    def task_output(self, task_id: str) -> None:
        function_id = self._build_function(task_id)
        if not function_id:
            self._logs.task_output(task_id)
        elif run := self._runs.get(function_id):
            self._read(run, task_id)

    def task_state(self, task_id: str, state: int) -> None:
        function_id = self._build_function(task_id)
        if not function_id:
            self._logs.task_state(task_id, state)
        elif state == api_pb2.TASK_STATE_CREATING_CONTAINER and (run := self._runs.get(function_id)):
            run.live.add(task_id)
        if state == api_pb2.TASK_STATE_COMPLETED:
            self._of_task.pop(task_id, None)

    def _build_function(self, task_id: str) -> str:
        """The function of a build's container; empty for others."""
        known = self._of_task.get(task_id)
        if known is None:
            row = self._db.one("build_step_of_task", task_id=task_id)
            known = self._of_task[task_id] = row["function_id"] if row else ""
        return known

    def _read(self, run: _Run, task_id: str) -> None:
        offset = run.offsets.get(task_id, 0)
        try:
            file = (self._home.logs / f"{task_id}.log").open("rb")
        except FileNotFoundError:
            return
        with file:
            while True:
                file.seek(offset)
                before = offset
                for record in decode(file.read(_BLOCK_BYTES), offset, at_end=False):
                    offset = record.end
                    run.output.add(record.data)
                if offset == before:
                    break
        run.offsets[task_id] = offset
