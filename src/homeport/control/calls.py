"""Function calls: inputs in from callers, results back to them.

Every input and every result is a row (call_rows.py) before it is acknowledged; backlog.py mirrors the
unfinished ones in memory, and is made from the rows again when the engine starts. What becomes of an input in
a container is left to attempts.py, which containers exist to containers.py.
"""

import asyncio
import contextlib
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from modal_proto import api_pb2

from homeport.control import results
from homeport.control.attempts import Attempts
from homeport.control.backlog import Backlog
from homeport.control.call_rows import CallRows, Outputs
from homeport.control.definitions import AppFacts, Definition
from homeport.control.functions import Functions
from homeport.control.orphans import Orphans
from homeport.control.queues import Call
from homeport.control.runs.origins import UNKNOWN, Origin
from homeport.model.errors import FailedPreconditionError
from homeport.model.ids import FUNCTION_CALL, new_id
from homeport.store.database import Database

_SWEEP_EVERY_S = 24 * 3600.0
_CLEAR_EVERY_S = 2.0
_BATCHING_FROM = 32  # unfinished inputs from which results are gathered for a moment
_BATCHING_S = 0.03  # an answer costs client and engine as much as an input does
_SYNC = api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC
_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY


class CallRuns(Protocol):
    """control/runs/runs.py: to which run a call belongs."""

    def calling(
        self,
        call: Call,
        definition: Definition,
        app: AppFacts,
        parent: Call | None,
        items: Sequence[api_pb2.FunctionPutInputsItem],
        origin: Origin,
    ) -> None: ...

    def called(
        self,
        call: Call,
        definition: Definition,
        app: AppFacts,
        items: Sequence[api_pb2.FunctionPutInputsItem],
        origin: Origin,
    ) -> None: ...


class Calls:
    """All function calls of one engine; `backlog` is what is unfinished, `attempts` what containers do."""

    def __init__(self, db: Database, functions: Functions) -> None:
        self._rows = CallRows(db)
        self._functions = functions
        self.backlog = Backlog(self._rows)
        self.attempts = Attempts(self._rows, self.backlog, functions)
        self._orphans = Orphans(self._orphaned)
        self._cleared: list[str] = []  # calls whose callers have all that they wanted, not written yet
        self._clear_timer: asyncio.TimerHandle | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None
        self.runs: CallRuns | None = None
        self.on_cancelled: list[Callable[[str, list[str], bool], None]] = []  # (task, inputs, terminate)

    # ---- starting and ending

    def load(self) -> None:
        """Takes up the unfinished inputs of an earlier engine. Those that a task had stay with it until
        somebody says that it is gone."""
        for entry in self._rows.unfinished():
            call = self.backlog.remember(entry.call)
            self.backlog.track(entry)
            if entry.task_id is None:
                self.backlog.queue(call.function_id).add(entry)
            else:
                self.attempts.limit(entry)
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
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self.backlog.close()
        self._orphans.close()

    # ---- from the caller

    def create(
        self,
        function_id: str,
        kind: int,
        invocation: int,
        parent_input_id: str,
        items: Sequence[api_pb2.FunctionPutInputsItem],
        *,
        is_of_spawn_map: bool = False,
        origin: Origin = UNKNOWN,
    ) -> tuple[Call, list[tuple[int, str]]]:
        """Makes a call, with the inputs that came along. Answers (idx, input id) for each of them."""
        definition = self._functions.get(function_id)
        app = self._functions.app(definition.app_id)
        if app.stopped:
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
            is_of_spawn_map=is_of_spawn_map,
        )
        if self.runs is not None:
            self.runs.calling(call, definition, app, self._call_of_input(parent_input_id), items, origin)
        with self._rows.transaction():
            self._rows.insert_call(call, parent_input_id, total_inputs=len(items))
            added = self._rows.insert_inputs(call, items)
            if self.runs is not None:
                self.runs.called(call, definition, app, items, origin)
        self.backlog.remember(call)
        if invocation == _SYNC:
            self._orphans.add(call.call_id)
        self.backlog.enqueue(call, added)
        return call, added

    def start(self, function_id: str, given: api_pb2.FunctionInput, origin: Origin) -> Call:
        """A call with one input that the engine itself makes, and that nobody has to wait for."""
        item = api_pb2.FunctionPutInputsItem(idx=0, input=given)
        call, _ = self.create(
            function_id,
            _UNARY,
            api_pb2.FUNCTION_CALL_INVOCATION_TYPE_ASYNC,
            parent_input_id="",
            items=[item],
            origin=origin,
        )
        return call

    def put(self, call_id: str, items: Sequence[api_pb2.FunctionPutInputsItem]) -> list[tuple[int, str]]:
        """Adds inputs to a call. An index that the call has already keeps its first input: a request that
        is sent again changes nothing."""
        call = self.backlog.call(call_id)
        if call.cancelled:
            raise FailedPreconditionError(f"Function call {call_id} was cancelled; it takes no more inputs.")
        with self._rows.transaction():
            added = self._rows.insert_inputs(call, items)
            if added:
                self._rows.count_inputs(call, len(added))
        self.backlog.enqueue(call, added)
        placed = dict(added)
        return [(item.idx, placed.get(item.idx) or self._rows.input_at(call_id, item.idx)) for item in items]

    def finish_inputs(self, call_id: str) -> None:
        """The caller has sent all inputs. Raises NotFoundError."""
        call = self.backlog.call(call_id)
        call.has_all = True
        if not call.unfinished:
            self.backlog.tell_settled(call)

    async def outputs(
        self,
        call_id: str,
        *,
        timeout_s: float,
        after: int = 0,
        indices: tuple[int, int] | None = None,
    ) -> Outputs:
        """Waits for results: those after the cursor, or those of an inclusive range of indices."""
        call = self.backlog.call(call_id)
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
                if found.unfinished == 0 and _is_gone(call, indices):
                    return found
                await self._wait_for_output(call, deadline)

    def is_expired(self, call_id: str) -> bool:
        """Whether the call has ended and its results are not kept any more."""
        call = self.backlog.call(call_id)
        return not call.unfinished and _is_gone(call, None)

    def clear(self, call_id: str) -> None:
        """The caller has what it wanted; the results need not be kept."""
        self._cleared.append(call_id)
        if self._clear_timer is None:
            self._clear_timer = asyncio.get_running_loop().call_later(_CLEAR_EVERY_S, self._write_cleared)
        call = self.backlog.known(call_id)
        if call is not None and not call.unfinished:
            if call.kind != _UNARY and not call.has_all:  # a caller that has all results sends no more inputs
                call.has_all = True
                self.backlog.tell_settled(call)
            self.backlog.forget(call)

    def _write_cleared(self) -> None:
        """Many at once: one that is lost with a killed engine is only kept its whole week."""
        self._clear_timer = None
        self._rows.write_cleared(self._cleared)
        self._cleared.clear()

    def cancel(self, call_id: str, *, reason: str = "", terminate: bool = False) -> None:
        """Ends all unfinished inputs of a call, without retries."""
        call = self.backlog.call(call_id)
        call.cancelled = True
        self._rows.write_cancelled(call)
        self._terminate(call, reason or f"Function call {call_id} was cancelled.", terminate=terminate)

    def stop_app(self, app_id: str, reason: str) -> None:
        """Ends all unfinished inputs of an app."""
        for call in self.backlog.calls_of(app_id):
            call.cancelled = True
            self._terminate(call, reason, terminate=False)

    def keep_last(self, app_id: str) -> None:
        """The app's client is gone: of its unfinished calls only the last one that it triggered goes on, with
        those that containers made. A spawn_map is one of them, though it makes a call for each input."""
        own = [c for c in self.backlog.calls_of(app_id) if c.unfinished and not c.is_nested]
        own.sort(key=lambda call: call.created_at)
        for call in own[:-1]:
            if not (
                call.is_of_spawn_map and own[-1].is_of_spawn_map and call.function_id == own[-1].function_id
            ):
                self.cancel(call.call_id, reason=f"The client of app {app_id} is gone.")

    def facts(self, call_id: str) -> Call:
        """Raises NotFoundError."""
        return self.backlog.call(call_id)

    # ---- inside

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

    def _call_of_input(self, input_id: str) -> Call | None:
        """The call whose input makes another call; None for a caller outside."""
        if not input_id:
            return None
        entry = self.backlog.input(input_id)
        return entry.call if entry is not None else self._rows.call_of_input(input_id)

    def _orphaned(self, call_id: str) -> None:
        call = self.backlog.known(call_id)
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
        self.backlog.settle(entries)
        self.backlog.queue(call.function_id).forget()
        for task_id, input_ids in by_task.items():
            for hook in self.on_cancelled:
                hook(task_id, input_ids, terminate)


def pickled_input(*arguments: object, method: str = "") -> api_pb2.FunctionInput:
    """The input of a call with these arguments, for a class with one of its methods."""
    args = pickle.dumps((arguments, {}), protocol=4)
    return api_pb2.FunctionInput(args=args, data_format=api_pb2.DATA_FORMAT_PICKLE, method_name=method)


def _is_gone(call: Call, indices: tuple[int, int] | None) -> bool:
    """Whether results that are asked for existed and are not kept any more."""
    if call.kind == _UNARY:
        return call.total > 0
    return indices is not None and indices[1] < call.total
