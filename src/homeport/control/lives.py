"""One container's life: made, served, ready, drained or killed, settled once it has ended.

When one starts is decided by placing.py, what it works on by containers.py. How it is made is left to
starting.py and the runtime, what becomes of the inputs of one that dies to attempts.py.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from modal_proto import api_pb2

from homeport.control import results
from homeport.control.calls import Calls
from homeport.control.definitions import Definition
from homeport.control.endings import crash_sentence, start_sentence
from homeport.control.protocols import LogSink, VolumeSource
from homeport.control.starting import Starter
from homeport.control.tasks import Task
from homeport.model.errors import FailedPreconditionError, HomeportError
from homeport.model.ids import TASK, new_id
from homeport.runtime.engine import ContainerExit, ContainerRuntime
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_STOP_GRACE_S = 5.0  # between SIGTERM and SIGKILL
EXIT_GRACE_S = 30.0  # Modal's, for exit handlers of a container that is told to end
_INTERRUPT_EVERY_S = 2.0
_DRAIN_GRACE_S = 60.0  # for exit handlers and the last commit of a container that ends by itself
_ACTIVE = api_pb2.TASK_STATE_ACTIVE
_COMPLETED = api_pb2.TASK_STATE_COMPLETED
_CREATING = api_pb2.TASK_STATE_CREATING_CONTAINER

OpenSocket = Callable[[str, str], Awaitable[Callable[[], Awaitable[None]]]]


class Lives:
    """The containers that exist, by id in `tasks`.

    `open_socket(task_id, address)` serves the engine's API to one container and answers how to end that.
    Others hook in: `on_changed` is told when there is room or need for another container, `on_ready` and
    `on_failed_start` how a start went, `on_ended` comes while the folder of one that ended is still there.
    """

    def __init__(
        self,
        db: Database,
        calls: Calls,
        starter: Starter,
        runtime: ContainerRuntime,
        volumes: VolumeSource,
        logs: LogSink,
    ) -> None:
        self._db = db
        self._backlog = calls.backlog
        self._attempts = calls.attempts
        self._starter = starter
        self._runtime = runtime
        self._volumes = volumes
        self._logs = logs
        self.tasks: dict[str, Task] = {}
        self.open_socket: OpenSocket | None = None
        self.exit_grace_s = EXIT_GRACE_S
        self.on_changed: Callable[[], None] = lambda: None
        self.on_ready: Callable[[Task], None] = lambda task: None
        self.on_failed_start: Callable[[Task, api_pb2.GenericResult], None] = lambda task, result: None
        self.on_ended: list[Callable[[Task], Awaitable[None]]] = []
        self._background: set[asyncio.Task[None]] = set()

    async def close(self, *, kill: bool) -> None:
        """Ends serving, and the containers too where asked."""
        if kill:
            tasks = list(self.tasks.values())
            for task in tasks:
                self.kill(task, "Homeport was stopped.", grace_s=1.0)
            if tasks:
                ended = [asyncio.ensure_future(task.ended.wait()) for task in tasks]
                _, late = await asyncio.wait(ended, timeout=10.0)
                for waiter in late:
                    waiter.cancel()
        for job in list(self._background):
            if not kill:
                job.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for task in self.tasks.values():
            for timer in (task.startup_timer, task.kill_timer):
                if timer is not None:
                    timer.cancel()
            if task.close_socket is not None:
                await task.close_socket()

    def start(self, definition: Definition, gpu_devices: tuple[int, ...]) -> Task:
        task = Task(new_id(TASK), definition, gpu_devices=gpu_devices)
        if definition.sandbox is not None:
            task.has_no_inputs()
        self.tasks[task.task_id] = task
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
        self.spawn(self._start(task))
        return task

    async def _start(self, task: Task) -> None:
        try:
            spec = await self._starter.spec(task.definition, task.task_id, task.gpu_devices)
            await self.serve(task)
            if task.is_killed():
                raise FailedPreconditionError(task.kill_reason)
            await self._runtime.start(spec)
        except HomeportError as error:
            self.exited(ContainerExit(task.task_id, 1, reason=str(error)))
            return
        except Exception as error:
            logger.exception("container %s could not be started", task.task_id)
            self.exited(
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
        task.started.set()
        self._db.run("task_started", task_id=task.task_id, state=_ACTIVE, now=time.time())
        self._logs.task_state(task.task_id, _ACTIVE)
        if not task.takes_inputs() and task.kill_reason:
            await self._runtime.kill(task.task_id, reason=task.kill_reason)
        elif not task.is_ready:
            task.startup_timer = asyncio.get_running_loop().call_later(
                task.definition.startup_timeout_s, self._startup_timed_out, task
            )

    async def serve(self, task: Task) -> None:
        """Sandboxes run code that need not be trusted, and get no socket."""
        if task.definition.sandbox is not None:
            return
        assert self.open_socket is not None
        task.close_socket = await self.open_socket(task.task_id, self._runtime.api_socket(task.task_id))
        self._runtime.share_socket(task.task_id)

    def note_ready(self, task: Task) -> None:
        if task.is_ready:
            return
        task.is_ready = True
        self.on_ready(task)
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
        self.on_failed_start(task, task.failure)
        self.kill(task, f"not ready within {limit}", grace_s=0.0)

    def drain(self, task: Task) -> None:
        """Gives it no more inputs; it ends by itself, and is helped where it does not."""
        if task.is_draining:
            return
        task.is_draining = True
        self.interrupt(task)
        if not task.inputs:
            self.limit_drain(task)
        self.on_changed()

    def limit_drain(self, task: Task) -> None:
        if task.kill_timer is None:
            task.kill_timer = asyncio.get_running_loop().call_later(
                _DRAIN_GRACE_S, lambda: self.kill(task, "It did not end by itself.")
            )

    def kill(self, task: Task, reason: str, *, grace_s: float = _STOP_GRACE_S) -> None:
        if task.kill_reason or task.ended.is_set():
            return
        task.kill_reason = reason
        self.interrupt(task)
        task.wake_heartbeat.set()
        if task.is_started:
            self.spawn(self._end(task, reason, grace_s))
        self.on_changed()

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

    def exited(self, end: ContainerExit) -> None:
        """Settles a container that has ended: its row, its inputs, its volumes, its socket."""
        task = self.tasks.get(end.task_id)
        if task is None or task.ended.is_set():
            return
        task.end = end
        task.ended.set()
        task.started.set()
        for timer in (task.startup_timer, task.kill_timer):
            if timer is not None:
                timer.cancel()
        self.spawn(self._clean_up(task, end))

    def _settle_inputs(self, task: Task, end: ContainerExit) -> None:
        entries = [entry for entry in task.inputs.values() if entry.task_id == task.task_id]
        task.inputs.clear()
        if task.kill_reason and not end.out_of_memory:
            for entry in entries:
                self._attempts.release(entry)
            return
        if entries:
            sentence = crash_sentence(task, end)
            self._logs.system(task.app_id, task.task_id, sentence)
            for entry in entries:
                self._attempts.crashed(
                    entry, results.failed(sentence, end.exit_code), out_of_memory=end.out_of_memory
                )
        elif not task.is_ready and task.failure is None:
            sentence = start_sentence(task, end)
            self._logs.system(task.app_id, task.task_id, sentence)
            self.on_failed_start(task, results.failed(sentence, end.exit_code))

    async def _clean_up(self, task: Task, end: ContainerExit) -> None:
        self._db.run(
            "task_finish",
            task_id=task.task_id,
            state=_COMPLETED,
            now=end.ended_at or time.time(),
            exit_code=end.exit_code,
            exit_reason=end.reason or task.kill_reason,
            cpu_time_s=end.cpu_time_s,
            memory_peak_bytes=end.memory_peak_bytes,
        )
        self._logs.task_output(task.task_id)
        try:
            await self._volumes.release_task(task.task_id)
        except Exception as error:
            logger.exception("volumes of %s", task.task_id)
            self._logs.system(task.app_id, task.task_id, f"The last commit of its volumes failed: {error}")
        task.committed.set()
        self._settle_inputs(task, end)  # after the commit: who tries again begins at the last checkpoint
        if task.close_socket is not None:
            await task.close_socket()
        for hook in self.on_ended:
            await hook(task)
        await self._runtime.forget(task.task_id)
        self.tasks.pop(task.task_id, None)
        self._logs.task_state(task.task_id, _COMPLETED)
        self.on_changed()

    def after_commit(self, task: Task, then: Callable[[], None]) -> None:
        """Calls `then` once a container has ended and what it wrote is committed."""

        async def wait() -> None:
            await task.committed.wait()
            then()

        self.spawn(wait())

    def interrupt(self, task: Task) -> None:
        """Has a container that waits for inputs look again whether it should end."""
        task.wake_idle.set()
        if task.definition.sandbox is not None:
            return
        self._backlog.queue(task.function_id).interrupt()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.get_running_loop().create_task(work)
        self._background.add(job)
        job.add_done_callback(self._done)

    def _done(self, job: asyncio.Task[None]) -> None:
        self._background.discard(job)
        if not job.cancelled() and job.exception() is not None:
            logger.error("a background step failed", exc_info=job.exception())
