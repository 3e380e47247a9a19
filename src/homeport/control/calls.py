"""Function calls: inputs in, to containers, results back.

Every input and every result is a row (call_rows.py) before it is acknowledged; what is kept in memory
(queues.py) mirrors the unfinished rows and is made from them again when the engine starts. Which containers
exist is left to containers.py: it is told of demand, and it says when a container has died.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from modal_proto import api_pb2

from homeport.control import results
from homeport.control.call_rows import CallRows, Outputs
from homeport.control.functions import Functions
from homeport.control.orphans import Orphans
from homeport.control.queues import Call, Input, Queue
from homeport.model.errors import FailedPreconditionError
from homeport.model.ids import FUNCTION_CALL, new_id
from homeport.plan import retries
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_SWEEP_EVERY_S = 24 * 3600.0
_CLEAR_EVERY_S = 2.0
_BATCHING_FROM = 32  # unfinished inputs from which results are gathered for a moment
_BATCHING_S = 0.03  # an answer costs client and engine as much as an input does
_FAILURES = (api_pb2.GenericResult.GENERIC_STATUS_FAILURE, api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT)
_SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY


@dataclass(frozen=True)
class Claimed:
    """An input as a container gets it."""

    entry: Input
    payload: bytes  # serialised api_pb2.FunctionInput


class Calls:
    """All function calls of one engine."""

    def __init__(self, db: Database, functions: Functions) -> None:
        self._rows = CallRows(db)
        self._functions = functions
        self._calls: dict[str, Call] = {}
        self._inputs: dict[str, Input] = {}
        self._queues: dict[str, Queue] = {}
        self._pending: dict[str, int] = {}  # app id -> unfinished inputs
        self._unfinished: dict[str, int] = {}  # function id -> unfinished inputs
        self._orphans = Orphans(self._orphaned)
        self._cleared: list[str] = []  # calls whose callers have all that they wanted, not written yet
        self._clear_timer: asyncio.TimerHandle | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        self.on_demand: list[Callable[[str], None]] = []  # a function has inputs that wait
        self.on_idle: list[Callable[[str], None]] = []  # an app has no unfinished inputs any more
        self.on_released: list[Callable[[Input, str], None]] = []  # (input, task): no longer the task's
        self.on_timeout: list[Callable[[str, Input], None]] = []
        self.on_cancelled: list[Callable[[str, list[str], bool], None]] = []  # (task, inputs, terminate)

    # ---- starting and ending

    def load(self) -> None:
        """Takes up the unfinished inputs of an earlier engine. Those that a task had stay with it until
        release_task says that it is gone."""
        for entry in self._rows.unfinished():
            call = self._remember(entry.call)
            self._track(entry)
            if entry.task_id is None:
                self._queue(call.function_id).add(entry)
            else:
                self._start_timer(entry)
            if call.invocation == _SYNC:
                self._orphans.add(call.call_id)

    def start_sweeping(self) -> None:
        """Deletes results that are no longer kept, now and once a day."""
        self._rows.sweep()
        self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_EVERY_S, self.start_sweeping)

    def close(self) -> None:
        if self._clear_timer is not None:
            self._clear_timer.cancel()
            self._write_cleared()
        for timer in (self._sweep_timer, *(i.timer for i in self._inputs.values())):
            if timer is not None:
                timer.cancel()
        for queue in self._queues.values():
            queue.close()
        self._orphans.close()

    # ---- from the caller

    def create(
        self,
        function_id: str,
        kind: int,
        invocation: int,
        parent_input_id: str,
        items: Sequence[api_pb2.FunctionPutInputsItem],
    ) -> tuple[Call, list[tuple[int, str]]]:
        """Makes a call, with the inputs that came along. Answers (idx, input id) for each of them."""
        definition = self._functions.get(function_id)
        if self._functions.app(definition.app_id).stopped:
            raise FailedPreconditionError(
                f"App {definition.app_id} has stopped, so {definition.tag} cannot be called. Run or deploy "
                "it again."
            )
        call = Call(
            call_id=new_id(FUNCTION_CALL),
            function_id=function_id,
            app_id=definition.app_id,
            kind=kind,
            invocation=invocation,
            created_at=time.time(),
            is_nested=bool(parent_input_id),
        )
        with self._rows.transaction():
            self._rows.insert_call(call, parent_input_id, total_inputs=len(items))
            added = self._rows.insert_inputs(call, items)
        self._remember(call)
        if invocation == _SYNC:
            self._orphans.add(call.call_id)
        return call, self._enqueue(call, added)

    def put(self, call_id: str, items: Sequence[api_pb2.FunctionPutInputsItem]) -> list[tuple[int, str]]:
        """Adds inputs to a call. An index that the call has already keeps its first input: a request that
        is sent again changes nothing."""
        call = self._call(call_id)
        if call.cancelled:
            raise FailedPreconditionError(f"Function call {call_id} was cancelled; it takes no more inputs.")
        with self._rows.transaction():
            added = self._rows.insert_inputs(call, items)
            if added:
                self._rows.count_inputs(call, len(added))
        placed = dict(self._enqueue(call, added))
        return [(item.idx, placed.get(item.idx) or self._rows.input_at(call_id, item.idx)) for item in items]

    async def outputs(
        self,
        call_id: str,
        *,
        timeout_s: float,
        after: int = 0,
        indices: tuple[int, int] | None = None,
        from_task: bool = False,
    ) -> Outputs:
        """Waits for results: those after the cursor, or those of an inclusive range of indices."""
        call = self._call(call_id)
        deadline = time.monotonic() + timeout_s
        with self._polled(call):
            if timeout_s and indices is None and len(call.unfinished) >= _BATCHING_FROM:
                # Before the first look: many results are gathered, and a lone one that comes later is not
                # held back.
                await asyncio.sleep(min(_BATCHING_S, timeout_s))
            if call.kind == _UNARY and call.unfinished:
                await self._wait_for_output(call, deadline)  # its only result is not there yet
            while True:
                found = self._rows.outputs(call, after, indices)
                if found.items or time.monotonic() >= deadline:
                    return found
                if found.unfinished == 0 and self._is_gone(call, indices):
                    return found
                await self._wait_for_output(call, deadline)

    def is_expired(self, call_id: str) -> bool:
        """Whether the call has ended and its results are not kept any more."""
        call = self._call(call_id)
        return not call.unfinished and self._is_gone(call, None)

    def clear(self, call_id: str) -> None:
        """The caller has what it wanted; the results need not be kept."""
        self._cleared.append(call_id)
        if self._clear_timer is None:
            self._clear_timer = asyncio.get_running_loop().call_later(_CLEAR_EVERY_S, self._write_cleared)
        call = self._calls.get(call_id)
        if call is not None and not call.unfinished:
            self._forget(call)

    def _write_cleared(self) -> None:
        """Many at once: one that is lost with a killed engine is only kept its whole week."""
        self._clear_timer = None
        self._rows.write_cleared(self._cleared)
        self._cleared.clear()

    def cancel(self, call_id: str, *, reason: str = "", terminate: bool = False) -> None:
        """Ends all unfinished inputs of a call, without retries."""
        call = self._call(call_id)
        call.cancelled = True
        self._rows.write_cancelled(call)
        self._terminate(call, reason or f"Function call {call_id} was cancelled.", terminate=terminate)

    def stop_app(self, app_id: str, reason: str) -> None:
        """Ends all unfinished inputs of an app."""
        for call in [c for c in self._calls.values() if c.app_id == app_id]:
            call.cancelled = True
            self._terminate(call, reason, terminate=False)

    def keep_last(self, app_id: str) -> None:
        """The app's client is gone: of its unfinished calls only the last one that it triggered goes on,
        with those that containers made."""
        own = [c for c in self._calls.values() if c.app_id == app_id and c.unfinished and not c.is_nested]
        for call in sorted(own, key=lambda c: c.created_at)[:-1]:
            self.cancel(call.call_id, reason=f"The client of app {app_id} is gone.")

    def pending(self, app_id: str) -> int:
        """The number of the app's unfinished inputs."""
        return self._pending.get(app_id, 0)

    def facts(self, call_id: str) -> Call:
        """Raises NotFoundError."""
        return self._call(call_id)

    # ---- from containers

    def queue(self, function_id: str) -> Queue:
        return self._queue(function_id)

    def demanded(self) -> list[str]:
        """Functions that have inputs waiting or running."""
        return list(self._unfinished)

    def waiting(self, function_id: str) -> int:
        queue = self._queues.get(function_id)
        return len(queue) if queue else 0

    def claim(self, function_id: str, task_id: str, limit: int) -> list[Claimed]:
        """Gives up to `limit` waiting inputs to a task."""
        entries = self._queue(function_id).take(limit)
        now = time.time()
        claimed: list[Claimed] = []
        with self._rows.transaction():
            for entry in entries:
                claimed.append(Claimed(entry, self._rows.write_claimed(entry, task_id, now)))
        for entry in entries:
            self._start_timer(entry)
        return claimed

    def again(self, entries: Iterable[Input]) -> list[Claimed]:
        """What was claimed before, for a container that did not get the answer."""
        found: list[Claimed] = []
        for entry in entries:
            payload = None if entry.finished else self._rows.payload(entry)
            if payload is not None:
                found.append(Claimed(entry, payload))
        return found

    def complete(self, task_id: str, items: Sequence[api_pb2.FunctionPutOutputsItem]) -> None:
        """Takes results from a task. Those of inputs that it does not have any more change nothing."""
        finished: list[Input] = []
        repeated: list[tuple[Input, float]] = []
        with self._rows.transaction():
            for item in items:
                entry = self._inputs.get(item.input_id)
                if entry is None or entry.task_id != task_id or item.retry_count != entry.attempt:
                    logger.info("a result of %s from %s comes too late", item.input_id, task_id)
                    continue
                delay = self._retry_delay(entry, item.result)
                if delay is not None:
                    repeated.append((entry, delay))
                    continue
                self._rows.write_output(
                    entry,
                    item.result,
                    data_format=item.data_format,
                    started_at=item.input_started_at,
                    created_at=item.output_created_at,
                )
                finished.append(entry)
            for entry, delay in repeated:
                self._rows.write_requeue(entry, delay, failed=True, crashed=False)
        self._settle(finished, repeated)

    def fail(self, entry: Input, result: api_pb2.GenericResult) -> None:
        """Ends one input with a result of the engine's own."""
        if not entry.finished:
            with self._rows.transaction():
                self._rows.write_output(entry, result)
            self._settle([entry], [])

    def fail_waiting(self, function_id: str, result: api_pb2.GenericResult) -> None:
        """Ends all inputs of a function that no container has: none can be started for them."""
        entries = [
            entry
            for entry in self._inputs.values()
            if entry.call.function_id == function_id and entry.task_id is None
        ]
        with self._rows.transaction():
            for entry in entries:
                self._rows.write_output(entry, result)
        self._settle(entries, [])
        self._queue(function_id).forget()  # else they would still count as waiting

    def crashed(self, entry: Input, result: api_pb2.GenericResult, *, out_of_memory: bool) -> None:
        """The container died under an input: tries again where that is allowed, else ends it."""
        if entry.finished:
            return
        definition = self._functions.get(entry.call.function_id)
        delay = retries.after_crash(
            definition.policy,
            entry.attempt + 1,
            entry.crashes + 1,
            deployed=self._functions.app(entry.call.app_id).deployed,
            out_of_memory=out_of_memory,
        )
        if delay is None or entry.call.cancelled:
            self.fail(entry, result)
            return
        with self._rows.transaction():
            self._rows.write_requeue(entry, delay, failed=True, crashed=True)
        self._settle([], [(entry, delay)])

    def release(self, entry: Input) -> None:
        """Takes an input from a container that will not work on it, without counting an attempt."""
        if entry.finished:
            return
        with self._rows.transaction():
            self._rows.write_requeue(entry, 0.0, failed=False, crashed=False)
        self._settle([], [(entry, 0.0)])

    def held_by(self, task_id: str) -> list[Input]:
        """The unfinished inputs that a task has."""
        return [entry for entry in self._inputs.values() if entry.task_id == task_id]

    def lost(self, task_ids: set[str]) -> list[Input]:
        """Unfinished inputs of tasks that are not among these."""
        return [e for e in self._inputs.values() if e.task_id is not None and e.task_id not in task_ids]

    # ---- inside

    def _call(self, call_id: str) -> Call:
        known = self._calls.get(call_id)
        if known is not None:
            return known
        call = self._rows.call(call_id)
        return call if call.kind == _UNARY else self._remember(call)

    def _remember(self, call: Call) -> Call:
        self._calls[call.call_id] = call
        return call

    def _forget(self, call: Call) -> None:
        self._calls.pop(call.call_id, None)
        self._orphans.discard(call.call_id)

    def _queue(self, function_id: str) -> Queue:
        queue = self._queues.get(function_id)
        if queue is None:
            queue = self._queues[function_id] = Queue(lambda: self._tell_demand(function_id))
        return queue

    def _enqueue(self, call: Call, added: list[tuple[int, str]]) -> list[tuple[int, str]]:
        queue = self._queue(call.function_id)
        call.total += len(added)
        for idx, input_id in added:
            entry = Input(input_id, call, idx)
            self._track(entry)
            queue.add(entry)
        if added:
            self._tell_demand(call.function_id)
        return added

    def _track(self, entry: Input) -> None:
        self._inputs[entry.input_id] = entry
        entry.call.unfinished[entry.input_id] = entry
        app_id = entry.call.app_id
        self._pending[app_id] = self._pending.get(app_id, 0) + 1
        function_id = entry.call.function_id
        self._unfinished[function_id] = self._unfinished.get(function_id, 0) + 1

    def _tell_demand(self, function_id: str) -> None:
        for hook in self.on_demand:
            hook(function_id)

    def _is_gone(self, call: Call, indices: tuple[int, int] | None) -> bool:
        """Whether results that are asked for existed and are not kept any more."""
        if call.kind == _UNARY:
            return call.total > 0
        return indices is not None and indices[1] < call.total

    async def _wait_for_output(self, call: Call, deadline: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        call.waiters.add(waiter)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await waiter
        except TimeoutError:
            pass
        finally:
            call.waiters.discard(waiter)

    @contextlib.contextmanager
    def _polled(self, call: Call) -> Iterator[None]:
        """Notes that somebody waits for the call, and since when nobody does."""
        call.pollers += 1
        self._orphans.discard(call.call_id)
        try:
            yield
        finally:
            call.pollers -= 1
            if call.invocation == _SYNC and not call.pollers and call.unfinished:
                self._orphans.add(call.call_id)

    def _orphaned(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is not None and call.unfinished and not self._functions.app(call.app_id).detached:
            self.cancel(call_id, reason=f"The caller of {call_id} hung up, so it was cancelled.")

    def _terminate(self, call: Call, reason: str, *, terminate: bool) -> None:
        entries = list(call.unfinished.values())
        by_task: dict[str, list[str]] = {}
        for entry in entries:
            if entry.task_id is not None:
                by_task.setdefault(entry.task_id, []).append(entry.input_id)
        result = results.terminated(reason)
        with self._rows.transaction():
            for entry in entries:
                self._rows.write_output(entry, result)
        self._settle(entries, [])
        self._queue(call.function_id).forget()
        for task_id, input_ids in by_task.items():
            for hook in self.on_cancelled:
                hook(task_id, input_ids, terminate)

    def _start_timer(self, entry: Input) -> None:
        definition = self._functions.get(entry.call.function_id)
        left = definition.timeout_s - (time.time() - entry.started_at)
        entry.timer = asyncio.get_running_loop().call_later(max(0.0, left), self._time_out, entry)

    def _time_out(self, entry: Input) -> None:
        task_id = entry.task_id
        if entry.finished or task_id is None:
            return
        definition = self._functions.get(entry.call.function_id)
        result = results.timed_out(entry.input_id, definition.timeout_s)
        # the container is ended first: a repetition must not run beside the attempt that it replaces
        for hook in self.on_timeout:
            hook(task_id, entry)
        delay = self._retry_delay(entry, result)
        with self._rows.transaction():
            if delay is None:
                self._rows.write_output(entry, result)
            else:
                self._rows.write_requeue(entry, delay, failed=True, crashed=False)
        self._settle([entry] if delay is None else [], [] if delay is None else [(entry, delay)])

    def _retry_delay(self, entry: Input, result: api_pb2.GenericResult) -> float | None:
        if result.status not in _FAILURES or entry.call.cancelled:
            return None
        definition = self._functions.get(entry.call.function_id)
        return retries.after_failure(definition.policy, entry.attempt + 1)

    def _settle(self, finished: Sequence[Input], repeated: Sequence[tuple[Input, float]]) -> None:
        """After the rows: memory, those who wait, and the other parts."""
        for entry in finished:
            self._leave_task(entry)
            entry.finished = True
            self._inputs.pop(entry.input_id, None)
            entry.call.unfinished.pop(entry.input_id, None)
            self._pending[entry.call.app_id] -= 1
            function_id = entry.call.function_id
            self._unfinished[function_id] -= 1
            if not self._unfinished[function_id]:
                del self._unfinished[function_id]
        for entry, _ in repeated:
            self._leave_task(entry)
            self._queue(entry.call.function_id).add(entry)
        for call in {entry.call.call_id: entry.call for entry in finished}.values():
            call.wake()
            if call.kind == _UNARY and not call.unfinished:
                self._forget(call)
        for function_id in dict.fromkeys(entry.call.function_id for entry, _ in repeated):
            self._tell_demand(function_id)
        for app_id in {entry.call.app_id for entry in finished}:
            if not self._pending.get(app_id):
                self._pending.pop(app_id, None)
                for hook in self.on_idle:
                    hook(app_id)

    def _leave_task(self, entry: Input) -> None:
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        task_id, entry.task_id = entry.task_id, None
        if task_id is not None:
            for hook in self.on_released:
                hook(entry, task_id)
