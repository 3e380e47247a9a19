"""Containers of functions: what they work on, and what others may ask of them.

This module answers the containers' own requests. When one starts is left to placing.py, how it lives and ends
to lives.py, what becomes of inputs to attempts.py.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from modal_proto import api_pb2

from homeport.control import endings
from homeport.control.attempts import Claimed
from homeport.control.calls import Calls
from homeport.control.definitions import Definition
from homeport.control.functions import Functions
from homeport.control.lives import Lives
from homeport.control.placing import Placing
from homeport.control.protocols import LogSink, VolumeSource
from homeport.control.queues import Input
from homeport.control.start_failures import StartFailures
from homeport.control.starting import Starter
from homeport.control.tasks import Task
from homeport.model.errors import HomeportError, NotFoundError
from homeport.model.home import Home
from homeport.plan import placement
from homeport.plan.environment import values
from homeport.plan.resources import Machine
from homeport.record.endings import app_stopped
from homeport.runtime.engine import ContainerEvents, ContainerExit, ContainerRuntime
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_HEARTBEAT_HELD_S = 14.0  # the client gives up at 15
_CANCEL_GRACE_S = 30.0  # for code that does not react to its cancellation


class Containers:
    """All containers of one engine; `lives` is what exists of them."""

    def __init__(
        self,
        home: Home,
        db: Database,
        machine: Machine,
        functions: Functions,
        calls: Calls,
        starter: Starter,
        runtime: ContainerRuntime,
        volumes: VolumeSource,
        logs: LogSink,
    ) -> None:
        self._home = home
        self._db = db
        self._functions = functions
        self._backlog = calls.backlog
        self._attempts = calls.attempts
        self._starter = starter
        self._runtime = runtime
        self._volumes = volumes
        self._logs = logs
        self.on_exec: Callable[[str], None] = lambda task_id: None
        # awaited before results of inputs count, for who looks first at what was printed before them
        self.before_outputs: Callable[[list[str]], Awaitable[None]] | None = None
        self.on_output: Callable[[str], None] = lambda task_id: None
        # a container's folder that an engine which was killed left: its app's id, '' where nobody knows it
        self.on_left_over: Callable[[str, str], None] = lambda app_id, task_id: None
        self.lives = Lives(db, calls, starter, runtime, volumes, logs)
        self._tasks = self.lives.tasks
        self._placing = Placing(machine, functions, calls.backlog, self.lives)
        self._start_failures = StartFailures(functions, calls.attempts, self._placing, self._tasks)
        self.lives.on_changed = self._placing.soon
        self.lives.on_ready = lambda task: self._start_failures.forget(task.function_id)
        self.lives.on_failed_start = self._start_failures.note
        calls.backlog.on_released.append(self._released)
        calls.attempts.on_timeout = self._timed_out
        calls.on_cancelled.append(self._cancelled)
        functions.on_defined.append(self._defined)
        functions.on_bound.append(self.settle)

    # ---- starting and ending

    async def open(self) -> None:
        """Adopts the containers of an earlier engine, and settles those that ended meanwhile."""
        for row in self._db.all("tasks_unfinished"):
            try:
                definition = self._functions.get(row["function_id"])
            except NotFoundError:
                continue
            task = Task(
                row["task_id"],
                definition,
                gpu_devices=tuple(int(part) for part in row["gpu_devices"].split(",") if part),
                is_started=True,
                is_ready=row["ready_at"] is not None,
                # a container of an older definition gets no new inputs
                is_draining=row["definition_id"] != definition.definition_id,
            )
            if definition.sandbox is not None:
                task.has_no_inputs()
            task.started.set()
            task.inputs = {entry.input_id: entry for entry in self._backlog.held_by(task.task_id)}
            self._tasks[task.task_id] = task
        await self._runtime.open(ContainerEvents(self._output_grew, self.lives.exited, on_exec=self.on_exec))
        running = self._runtime.running()
        for task in list(self._tasks.values()):
            if task.task_id in running:
                self._db.run("task_was_started", task_id=task.task_id)
                await self.lives.serve(task)
                if task.definition.is_build_step:
                    self.lives.kill(task, "The build that it was for was interrupted.", grace_s=0.0)
            elif not task.ended.is_set():
                self.lives.exited(
                    ContainerExit(task.task_id, 1, reason="It was lost while no engine was running.")
                )
        for entry in self._backlog.lost(set(self._tasks)):
            self._attempts.release(entry)
        self._placing.open()
        self.lives.spawn(self._clear_left_overs())
        self._placing.soon()

    async def close(self, *, kill: bool) -> None:
        """Ends serving, and the containers too where asked."""
        self._placing.close()
        await self.lives.close(kill=kill)

    async def _clear_left_overs(self) -> None:
        """Last commits and folders of containers that an engine which was killed had no time for."""
        for task_id in self._volumes.tasks() - set(self._tasks):
            await self._volumes.release_task(task_id)
        for folder in list(self._home.tasks.iterdir()):
            if folder.is_dir() and folder.name not in self._tasks:
                row = self._db.one("task_by_id", task_id=folder.name)
                self.on_left_over(row["app_id"] if row is not None else "", folder.name)
                await self._runtime.forget(folder.name)

    # ---- what containers ask

    async def next_inputs(
        self, task_id: str, *, limit: int, linger_s: float, request_key: str
    ) -> list[Claimed] | None:
        """Waits for inputs of the container's function; None tells the container to end."""
        task = self._task(task_id)
        if task.delivered is not None and request_key and task.delivered[0] == request_key:
            return self._attempts.again(task.delivered[1])  # the answer before was lost
        self.lives.note_ready(task)
        queue = self._backlog.queue(task.function_id)
        while True:
            if not task.inputs and placement.exceeds(self._placing.demand_of(task.definition)):
                self.lives.drain(task)
            if not task.takes_inputs():
                return None
            task.is_idle, task.idle_since = True, time.monotonic()
            self._placing.became_idle(task)
            try:
                is_woken = await queue.wait(task.definition.scaledown_s, task.wake_idle)
            finally:
                task.is_idle = False
            if not task.takes_inputs():
                return None
            task.wake_idle.clear()
            if not is_woken:
                if task.inputs or placement.keeps(self._placing.demand_of(task.definition)):
                    continue
                self.lives.drain(task)
                return None
            if limit > 1 and linger_s and self._backlog.waiting(task.function_id) < limit:
                await asyncio.sleep(linger_s)
            claimed = self._attempts.claim(task.function_id, task_id, limit)
            if claimed:
                for item in claimed:
                    task.inputs[item.entry.input_id] = item.entry
                task.delivered = (request_key, [item.entry for item in claimed])
                return claimed

    def put_outputs(self, task_id: str, items: list[api_pb2.FunctionPutOutputsItem]) -> None:
        task = self._task(task_id)
        self._start_failures.forget(task.function_id)
        self._attempts.complete(task_id, items)
        for item in items:
            task.inputs.pop(item.input_id, None)
            self._explain(task, item.result)
        if task.definition.is_single_use:
            self.lives.drain(task)

    async def heartbeat(self, task_id: str) -> list[str]:
        """Waits for cancellations, as long as the client's patience allows. Answers the inputs concerned."""
        task = self._task(task_id)
        if not task.cancelled:
            task.wake_heartbeat.clear()
            try:
                async with asyncio.timeout(_HEARTBEAT_HELD_S):
                    await task.wake_heartbeat.wait()
            except TimeoutError:
                return []
        cancelled, task.cancelled = task.cancelled, []
        return cancelled

    def current_inputs(self, task_id: str) -> list[str]:
        return list(self._task(task_id).inputs)

    def hello(self, task_id: str) -> None:
        self._task(task_id)

    def failed_to_start(self, task_id: str, result: api_pb2.GenericResult) -> None:
        """The container said why it cannot work: its code does not import, or a lifecycle hook raised."""
        task = self._task(task_id)
        task.failure = result
        task.is_draining = True
        self._explain(task, result)
        self._start_failures.note(task, result)

    def blocked(self, task_id: str | None, change: int) -> None:
        """A container began (+1) or ended (-1) to wait for the results of a nested call."""
        task = self._tasks.get(task_id or "")
        if task is not None:
            task.blocked += change
            if change > 0:
                self._placing.soon()  # what it waits for may need the place that it does not use

    # ---- what others ask

    async def stop_app(self, app_id: str) -> None:
        """Ends all containers of an app, and returns when they have ended."""
        tasks = [task for task in self._tasks.values() if task.app_id == app_id]
        for task in tasks:
            self.lives.kill(task, app_stopped(app_id))
        if tasks:
            await asyncio.gather(*(task.ended.wait() for task in tasks))

    async def stop(self, task_id: str, *, graceful: bool) -> None:
        """Ends one container; inputs that it works on go to others. Raises NotFoundError."""
        task = self._task(task_id)
        self.lives.drain(task)
        if not graceful:
            self.lives.kill(task, f"Container {task_id} was stopped.")

    def prepare_app(self, app_id: str) -> None:
        """A version of the app was published: containers of older definitions, and of functions that the app
        has no more, finish what they do."""
        self._functions.renew(app_id)
        current = {d.function_id: d for d in self._functions.published(app_id)}
        for function_id in current:
            self._start_failures.forget(function_id)
        self._placing.publish(app_id, list(current.values()))
        for task in list(self._tasks.values()):
            if task.app_id == app_id and task.definition.is_in_a_version:
                definition = current.get(task.function_id)
                if definition is None or definition.definition_id != task.definition.definition_id:
                    self.lives.drain(task)

    def stats(self, function_id: str) -> tuple[int, int, int]:
        """(inputs that wait, containers, inputs that run) of a function."""
        demand = self._placing.demand_of(self._functions.get(function_id))
        total = sum(task.function_id == function_id for task in self._tasks.values())
        return demand.waiting, total, demand.running

    async def started(self, task_id: str) -> None:
        """Returns once the container runs. Raises NotFoundError where it does not any more."""
        await self._task(task_id).started.wait()
        if self._task(task_id).ended.is_set():
            raise NotFoundError(f"Container {task_id} has ended.")

    def start_sandbox(self, definition: Definition) -> Task:
        """Raises ResourceExhaustedError where the GPUs that it asks for are in use."""
        return self.lives.start(definition, self._placing.take_gpus(definition.grant.gpu_count))

    def end_sandbox(self, task_id: str, reason: str) -> None:
        if task := self._tasks.get(task_id):
            self.lives.kill(task, reason)

    def placed(self) -> int:
        """The number of containers that exist."""
        return len(self._tasks)

    def settle(self, definition: Definition) -> None:
        """Looks again how many containers there should be: a function's settings changed."""
        self._placing.note(definition)
        for task in self._tasks.values():
            if task.definition.definition_id == definition.definition_id and (
                task.function_id == definition.function_id
            ):
                task.definition = definition
                if task.is_unused:
                    self.lives.interrupt(task)
        self._placing.soon()

    # ---- one container's life

    def _defined(self, definition: Definition) -> None:
        if not definition.is_build_step:  # mostly its layer is there already
            self.lives.spawn(self._warm(definition))

    async def _warm(self, definition: Definition) -> None:
        """Has a warm parent ready while the client is still setting up."""
        try:
            ground = await self._starter.ground(definition)
            await self._runtime.warm(ground.image, ground.overlays, values(ground.variables))
        except HomeportError as error:  # a start will say the same, where somebody hears it
            logger.info("no warm parent for %s: %s", definition.tag, error)

    # ---- hooks of calls.py

    def _released(self, entry: Input, task_id: str) -> None:
        task = self._tasks.get(task_id)
        if task is not None:
            task.inputs.pop(entry.input_id, None)
            if task.is_draining and not task.inputs and not task.ended.is_set():
                self.lives.limit_drain(task)

    def _timed_out(self, task_id: str, entry: Input, again: Callable[[], None]) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            again()
            return
        limit = f"its timeout of {task.definition.timeout_s:g} s"
        self._logs.system(
            task.app_id,
            task_id,
            f"Input {entry.input_id} of {task.definition.tag} ran longer than {limit}; "
            "its container was stopped.",
        )
        self.lives.kill(task, f"Input {entry.input_id} hit {limit}.")
        self.lives.after_commit(task, again)

    def _explain(self, task: Task, result: api_pb2.GenericResult) -> None:
        if sentence := endings.gpu_sentence(task, result):
            self._logs.system(task.app_id, task.task_id, sentence)

    def _cancelled(self, task_id: str, input_ids: list[str], terminate: bool) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            return
        if terminate or not task.is_ready:
            self.lives.kill(task, "Its input was cancelled.")
            return
        task.cancelled.extend(input_ids)
        task.wake_heartbeat.set()
        idle_before = task.idle_since
        asyncio.get_running_loop().call_later(_CANCEL_GRACE_S, self._end_if_stuck, task, idle_before)

    def _end_if_stuck(self, task: Task, idle_before: float) -> None:
        """A container whose code does not react to its cancellation is ended from outside."""
        if (
            not task.ended.is_set()
            and not task.is_idle
            and not task.inputs
            and task.idle_since == idle_before
        ):
            self.lives.kill(task, "Its input was cancelled, and it did not stop.")

    # ---- inside

    def _output_grew(self, task_id: str) -> None:
        self._logs.task_output(task_id)
        self.on_output(task_id)
        self.on_exec(task_id)  # who reads a sandbox's output waits there

    def _task(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None:
            raise NotFoundError(
                f"Container {task_id} does not run; `modal container list` shows those that do."
            )
        return task
