"""Containers of functions: when they start, what they work on, how they end.

plan/placement.py decides how many there are; this module loads what it needs to know, applies the decision,
and answers the containers' own requests. How a container is made is left to starting.py and the runtime, what
becomes of inputs to calls.py.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from modal_proto import api_pb2

from homeport.control import results
from homeport.control.calls import Calls, Claimed
from homeport.control.contracts import VolumeSource
from homeport.control.endings import crash_sentence, start_sentence
from homeport.control.functions import Definition, Functions
from homeport.control.placing import Placing
from homeport.control.queues import Input
from homeport.control.start_failures import StartFailures
from homeport.control.starting import Starter
from homeport.control.tasks import Task
from homeport.model.errors import FailedPreconditionError, HomeportError, NotFoundError
from homeport.model.home import Home
from homeport.model.ids import TASK, new_id
from homeport.plan import placement
from homeport.plan.environment import values
from homeport.plan.resources import Machine
from homeport.runtime.engine import ContainerEvents, ContainerExit, ContainerRuntime
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_HEARTBEAT_HELD_S = 14.0  # the client gives up at 15
_CANCEL_GRACE_S = 30.0  # for code that does not react to its cancellation
_STOP_GRACE_S = 5.0  # between SIGTERM and SIGKILL
EXIT_GRACE_S = 30.0  # Modal's, for exit handlers of a container that is told to end
_INTERRUPT_EVERY_S = 2.0
_DRAIN_GRACE_S = 60.0  # for exit handlers and the last commit of a container that ends by itself
_ACTIVE = api_pb2.TASK_STATE_ACTIVE
_COMPLETED = api_pb2.TASK_STATE_COMPLETED
_CREATING = api_pb2.TASK_STATE_CREATING_CONTAINER

OpenSocket = Callable[[str, str], Awaitable[Callable[[], Awaitable[None]]]]


class LogSink(Protocol):
    """Implemented by control.logs.Logs."""

    def system(self, app_id: str, task_id: str, text: str) -> None: ...

    def task_output(self, task_id: str) -> None: ...

    def task_state(self, task_id: str, state: int) -> None: ...


class Containers:
    """All containers of one engine.

    `open_socket(task_id, address)` serves the engine's API to one container and answers how to end that.
    """

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
        self._calls = calls
        self._starter = starter
        self._runtime = runtime
        self._volumes = volumes
        self._logs = logs
        self.open_socket: OpenSocket | None = None
        self.exit_grace_s = EXIT_GRACE_S
        self._tasks: dict[str, Task] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._placing = Placing(machine, functions, calls, self._tasks, self._start_one, self._drain)
        self._start_failures = StartFailures(functions, calls, self._placing, self._tasks)
        calls.on_released.append(self._released)
        calls.on_timeout.append(self._timed_out)
        calls.on_cancelled.append(self._cancelled)
        functions.on_defined.append(self._defined)

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
            task.inputs = {entry.input_id: entry for entry in self._calls.held_by(task.task_id)}
            self._tasks[task.task_id] = task
        await self._runtime.open(ContainerEvents(on_log=self._logs.task_output, on_exit=self._exited))
        running = self._runtime.running()
        for task in list(self._tasks.values()):
            if task.task_id in running:
                await self._serve(task)
            elif not task.ended.is_set():
                self._exited(
                    ContainerExit(task.task_id, 1, reason="It was lost while no engine was running.")
                )
        for entry in self._calls.lost(set(self._tasks)):
            self._calls.release(entry)
        self._placing.open()
        self._spawn(self._clear_left_overs())
        self._placing.soon()

    async def close(self, *, kill: bool) -> None:
        """Ends serving, and the containers too where asked."""
        self._placing.close()
        if kill:
            tasks = list(self._tasks.values())
            for task in tasks:
                self._kill(task, "Homeport was stopped.", grace_s=1.0)
            if tasks:
                ended = [asyncio.ensure_future(task.ended.wait()) for task in tasks]
                _, late = await asyncio.wait(ended, timeout=10.0)
                for waiter in late:
                    waiter.cancel()
        for job in list(self._background):
            if not kill:
                job.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for task in self._tasks.values():
            for timer in (task.startup_timer, task.kill_timer):
                if timer is not None:
                    timer.cancel()
            if task.close_socket is not None:
                await task.close_socket()

    async def _clear_left_overs(self) -> None:
        """Last commits and folders of containers that an engine which was killed had no time for."""
        for task_id in self._volumes.tasks() - set(self._tasks):
            await self._volumes.release_task(task_id)
        for folder in list(self._home.tasks.iterdir()):
            if folder.is_dir() and folder.name not in self._tasks:
                await self._runtime.forget(folder.name)

    # ---- what containers ask

    async def next_inputs(
        self, task_id: str, *, limit: int, linger_s: float, request_key: str
    ) -> list[Claimed] | None:
        """Waits for inputs of the container's function; None tells the container to end."""
        task = self._task(task_id)
        if task.delivered is not None and request_key and task.delivered[0] == request_key:
            return self._calls.again(task.delivered[1])  # the answer before was lost
        self._note_ready(task)
        queue = self._calls.queue(task.function_id)
        while True:
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
            if not is_woken:
                if task.inputs or placement.keeps(self._placing.demand_of(task.definition)):
                    continue
                self._drain(task)
                return None
            if limit > 1 and linger_s and self._calls.waiting(task.function_id) < limit:
                await asyncio.sleep(linger_s)
            claimed = self._calls.claim(task.function_id, task_id, limit)
            if claimed:
                for item in claimed:
                    task.inputs[item.entry.input_id] = item.entry
                task.delivered = (request_key, [item.entry for item in claimed])
                return claimed

    def put_outputs(self, task_id: str, items: list[api_pb2.FunctionPutOutputsItem]) -> None:
        task = self._task(task_id)
        self._start_failures.forget(task.function_id)
        self._calls.complete(task_id, items)
        for item in items:
            task.inputs.pop(item.input_id, None)
        if task.definition.function.single_use_containers or task.definition.function.max_inputs == 1:
            self._drain(task)

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
            self._kill(task, f"App {app_id} was stopped.")
        if tasks:
            await asyncio.gather(*(task.ended.wait() for task in tasks))

    async def stop(self, task_id: str, *, graceful: bool) -> None:
        """Ends one container; inputs that it works on go to others. Raises NotFoundError."""
        task = self._task(task_id)
        self._drain(task)
        if not graceful:
            self._kill(task, f"Container {task_id} was stopped.")

    def prepare_app(self, app_id: str) -> None:
        """A new version of the app is in use: containers of older definitions finish what they do."""
        for task in list(self._tasks.values()):
            if task.app_id == app_id:
                current = self._functions.get(task.function_id)
                if current.definition_id != task.definition.definition_id:
                    self._drain(task)
        self._placing.soon()

    def stats(self, function_id: str) -> tuple[int, int, int]:
        """(inputs that wait, containers, inputs that run) of a function."""
        demand = self._placing.demand_of(self._functions.get(function_id))
        total = sum(task.function_id == function_id for task in self._tasks.values())
        return demand.waiting, total, demand.running

    def placed(self) -> int:
        """The number of containers that exist."""
        return len(self._tasks)

    def settle(self, definition: Definition) -> None:
        """Looks again whether containers have to start: a function's settings changed."""
        self._placing.note(definition)
        self._placing.soon()

    # ---- one container's life

    def _defined(self, definition: Definition) -> None:
        self._start_failures.forget(definition.function_id)
        self._placing.note(definition)
        self._spawn(self._warm(definition))

    async def _warm(self, definition: Definition) -> None:
        """Has a warm parent ready while the client is still setting up."""
        try:
            ground = await self._starter.ground(definition)
            await self._runtime.warm(ground.image, ground.overlays, values(ground.variables))
        except HomeportError as error:  # a start will say the same, where somebody hears it
            logger.info("no warm parent for %s: %s", definition.tag, error)

    def _start_one(self, definition: Definition, gpu_devices: tuple[int, ...]) -> None:
        task = Task(new_id(TASK), definition, gpu_devices=gpu_devices)
        self._tasks[task.task_id] = task
        self._db.run(
            "task_insert",
            task_id=task.task_id,
            app_id=task.app_id,
            function_id=task.function_id,
            definition_id=definition.definition_id,
            image_id=definition.function.image_id,
            state=_CREATING,
            gpu_devices=",".join(map(str, task.gpu_devices)),
            enqueued_at=time.time(),
        )
        self._logs.task_state(task.task_id, _CREATING)
        self._spawn(self._start(task))

    async def _start(self, task: Task) -> None:
        try:
            spec = await self._starter.spec(task.definition, task.task_id, task.gpu_devices)
            await self._serve(task)
            if task.is_killed():
                raise FailedPreconditionError(task.kill_reason)
            await self._runtime.start(spec)
        except HomeportError as error:
            self._exited(ContainerExit(task.task_id, 1, reason=str(error)))
            return
        except Exception as error:
            logger.exception("container %s could not be started", task.task_id)
            self._exited(
                ContainerExit(
                    task.task_id,
                    1,
                    reason=f"Homeport's engine failed to start it ({error!r}); see engine.log.",
                )
            )
            return
        if task.ended.is_set():
            return
        task.is_started = True
        self._db.run("task_started", task_id=task.task_id, state=_ACTIVE, now=time.time())
        self._logs.task_state(task.task_id, _ACTIVE)
        if not task.takes_inputs() and task.kill_reason:
            await self._runtime.kill(task.task_id, reason=task.kill_reason)
        elif not task.is_ready:
            task.startup_timer = asyncio.get_running_loop().call_later(
                task.definition.startup_timeout_s, self._startup_timed_out, task
            )

    async def _serve(self, task: Task) -> None:
        assert self.open_socket is not None
        task.close_socket = await self.open_socket(task.task_id, self._runtime.api_socket(task.task_id))
        self._runtime.share_socket(task.task_id)

    def _note_ready(self, task: Task) -> None:
        if task.is_ready:
            return
        task.is_ready = True
        self._start_failures.forget(task.function_id)
        if task.startup_timer is not None:
            task.startup_timer.cancel()
            task.startup_timer = None
        self._db.run("task_ready", task_id=task.task_id, state=_ACTIVE, now=time.time())

    def _startup_timed_out(self, task: Task) -> None:
        limit = f"{task.definition.startup_timeout_s:g} s"
        task.failure = results.failed(
            f"Container {task.task_id} of {task.definition.tag} was not ready within its startup_timeout of "
            f"{limit}."
        )
        self._start_failures.note(task, task.failure)
        self._kill(task, f"not ready within {limit}", grace_s=0.0)

    def _drain(self, task: Task) -> None:
        """Gives it no more inputs; it ends by itself, and is helped where it does not."""
        if task.is_draining:
            return
        task.is_draining = True
        self._interrupt(task)
        if not task.inputs:
            self._limit_drain(task)
        self._placing.soon()

    def _limit_drain(self, task: Task) -> None:
        if task.kill_timer is None:
            task.kill_timer = asyncio.get_running_loop().call_later(
                _DRAIN_GRACE_S, lambda: self._kill(task, "It did not end by itself.")
            )

    def _kill(self, task: Task, reason: str, *, grace_s: float = _STOP_GRACE_S) -> None:
        if task.kill_reason or task.ended.is_set():
            return
        task.kill_reason = reason
        self._interrupt(task)
        task.wake_heartbeat.set()
        if task.is_started:
            self._spawn(self._end(task, reason, grace_s))
        self._placing.soon()

    async def _end(self, task: Task, reason: str, grace_s: float) -> None:
        """A class's container is interrupted, not terminated, as on Modal: its exit handlers run then."""
        if not task.has_lifecycle:
            await self._runtime.kill(task.task_id, grace_s=grace_s, reason=reason)
            return
        deadline = time.monotonic() + max(grace_s, self.exit_grace_s)
        while (left_s := deadline - time.monotonic()) > 0 and not task.ended.is_set():
            # again and again: the client ignores it while handlers run, and loses it between two inputs
            await self._runtime.kill(task.task_id, grace_s=left_s, reason=reason, interrupt=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(task.ended.wait(), min(left_s, _INTERRUPT_EVERY_S))

    def _exited(self, end: ContainerExit) -> None:
        """Settles a container that has ended: its row, its inputs, its volumes, its socket."""
        task = self._tasks.get(end.task_id)
        if task is None or task.ended.is_set():
            return
        task.ended.set()
        for timer in (task.startup_timer, task.kill_timer):
            if timer is not None:
                timer.cancel()
        self._settle_inputs(task, end)
        self._spawn(self._clean_up(task, end))

    def _settle_inputs(self, task: Task, end: ContainerExit) -> None:
        entries = [entry for entry in task.inputs.values() if entry.task_id == task.task_id]
        task.inputs.clear()
        if task.kill_reason and not end.out_of_memory:
            for entry in entries:
                self._calls.release(entry)
            return
        if entries:
            sentence = crash_sentence(task, end)
            self._logs.system(task.app_id, task.task_id, sentence)
            for entry in entries:
                self._calls.crashed(
                    entry, results.failed(sentence, end.exit_code), out_of_memory=end.out_of_memory
                )
        elif not task.is_ready and task.failure is None:
            sentence = start_sentence(task, end)
            self._logs.system(task.app_id, task.task_id, sentence)
            self._start_failures.note(task, results.failed(sentence, end.exit_code))

    async def _clean_up(self, task: Task, end: ContainerExit) -> None:
        self._db.run(
            "task_finish",
            task_id=task.task_id,
            state=_COMPLETED,
            now=end.ended_at or time.time(),
            exit_code=end.exit_code,
            exit_reason=end.reason or task.kill_reason,
        )
        self._logs.task_output(task.task_id)
        try:
            await self._volumes.release_task(task.task_id)
        except Exception as error:
            logger.exception("volumes of %s", task.task_id)
            self._logs.system(task.app_id, task.task_id, f"The last commit of its volumes failed: {error}")
        if task.close_socket is not None:
            await task.close_socket()
        await self._runtime.forget(task.task_id)
        self._tasks.pop(task.task_id, None)
        self._logs.task_state(task.task_id, _COMPLETED)
        self._placing.soon()

    # ---- hooks of calls.py

    def _released(self, entry: Input, task_id: str) -> None:
        task = self._tasks.get(task_id)
        if task is not None:
            task.inputs.pop(entry.input_id, None)
            if task.is_draining and not task.inputs and not task.ended.is_set():
                self._limit_drain(task)

    def _timed_out(self, task_id: str, entry: Input) -> None:
        task = self._tasks.get(task_id)
        if task is not None:
            self._logs.system(
                task.app_id,
                task_id,
                f"Input {entry.input_id} of {task.definition.tag} ran longer than its timeout of "
                f"{task.definition.timeout_s:g} s; its container was stopped.",
            )
            self._kill(task, f"Input {entry.input_id} hit its timeout of {task.definition.timeout_s:g} s.")

    def _cancelled(self, task_id: str, input_ids: list[str], terminate: bool) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            return
        if terminate or not task.is_ready:
            self._kill(task, "Its input was cancelled.")
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
            self._kill(task, "Its input was cancelled, and it did not stop.")

    # ---- inside

    def _interrupt(self, task: Task) -> None:
        """Has a container that waits for inputs look again whether it should end."""
        task.wake_idle.set()
        self._calls.queue(task.function_id).interrupt()

    def _task(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None:
            raise NotFoundError(
                f"Container {task_id} does not run; `modal container list` shows those that do."
            )
        return task

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._background.add(job)
        job.add_done_callback(self._done)

    def _done(self, job: asyncio.Task[None]) -> None:
        self._background.discard(job)
        if not job.cancelled() and job.exception() is not None:
            logger.error("a background step failed", exc_info=job.exception())
