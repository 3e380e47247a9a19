"""What becomes of inputs in containers: handed out, ended with a result, tried again.

A result and a repetition are rows (call_rows.py) before the container's request is answered. Which containers
exist is left to containers.py: it says when one has died, and is told when one ran out of time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from modal_proto import api_pb2

from homeport.control import results
from homeport.control.backlog import Backlog
from homeport.control.call_rows import CallRows
from homeport.control.functions import Functions
from homeport.control.queues import Input
from homeport.plan import retries

logger = logging.getLogger(__name__)

_FAILURES = (api_pb2.GenericResult.GENERIC_STATUS_FAILURE, api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT)


# (task id, its input, again): ends the container, and calls `again` once what it wrote is committed
EndContainer = Callable[[str, Input, Callable[[], None]], None]


@dataclass(frozen=True)
class Claimed:
    """An input as a container gets it."""

    entry: Input
    payload: bytes  # serialised api_pb2.FunctionInput


class Attempts:
    """The executions of all inputs of one engine."""

    def __init__(self, rows: CallRows, backlog: Backlog, functions: Functions) -> None:
        self._rows = rows
        self._backlog = backlog
        self._functions = functions
        # within the transaction that gives inputs to a task
        self.on_claimed: Callable[[str, Sequence[Input]], None] = lambda task_id, entries: None
        self.on_timeout: EndContainer = lambda task_id, entry, again: again()

    def claim(self, function_id: str, task_id: str, limit: int) -> list[Claimed]:
        """Gives up to `limit` waiting inputs to a task."""
        entries = self._backlog.queue(function_id).take(limit)
        now = time.time()
        claimed: list[Claimed] = []
        with self._rows.transaction():
            for entry in entries:
                claimed.append(Claimed(entry, self._rows.write_claimed(entry, task_id, now)))
            self.on_claimed(task_id, entries)
        for entry in entries:
            self.limit(entry)
        return claimed

    def again(self, entries: Iterable[Input]) -> list[Claimed]:
        """What was claimed before, for a container that did not get the answer."""
        found: list[Claimed] = []
        for entry in entries:
            payload = None if entry.finished else self._rows.payload(entry)
            if payload is not None:
                found.append(Claimed(entry, payload))
        return found

    def limit(self, entry: Input) -> None:
        """Has the attempt that a task works on end at the function's timeout."""
        definition = self._functions.get(entry.call.function_id)
        left = definition.timeout_s - (time.time() - entry.started_at)
        entry.timer = asyncio.get_running_loop().call_later(max(0.0, left), self._time_out, entry)

    def complete(self, task_id: str, items: Sequence[api_pb2.FunctionPutOutputsItem]) -> None:
        """Takes results from a task. Those of inputs that it does not have any more change nothing."""
        finished: list[Input] = []
        repeated: list[tuple[Input, float]] = []
        with self._rows.transaction():
            for item in items:
                entry = self._backlog.input(item.input_id)
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
        self._backlog.settle(finished, [entry for entry, _ in repeated])

    def fail_waiting(self, function_id: str, result: api_pb2.GenericResult) -> None:
        """Ends all inputs of a function that no container has: none can be started for them."""
        self._end(self._backlog.inputs_waiting_for(function_id), result)
        self._backlog.queue(function_id).forget()  # else they would still count as waiting

    def crashed(self, entry: Input, result: api_pb2.GenericResult, *, out_of_memory: bool) -> None:
        """The container died under an input: tries again where that is allowed, else ends it."""
        if entry.finished:
            return
        definition = self._functions.get(entry.call.function_id)
        delay = retries.after_crash(
            definition.policy,
            entry.attempt + 1,
            entry.crashes + 1,
            deployed=not definition.is_build_step and self._functions.app(entry.call.app_id).deployed,
            out_of_memory=out_of_memory,
        )
        if delay is None or entry.call.cancelled:
            self._end([entry], result)
        else:
            self._repeat(entry, delay, failed=True, crashed=True)

    def release(self, entry: Input) -> None:
        """Takes an input from a container that will not work on it, without counting an attempt."""
        if not entry.finished:
            self._repeat(entry, 0.0, failed=False, crashed=False)

    # ---- inside

    def _time_out(self, entry: Input) -> None:
        task_id = entry.task_id
        if entry.finished or task_id is None:
            return
        definition = self._functions.get(entry.call.function_id)
        result = results.timed_out(entry.input_id, definition.timeout_s)
        delay = self._retry_delay(entry, result)
        if delay is None:
            self._end([entry], result)
            self.on_timeout(task_id, entry, lambda: None)
            return
        with self._rows.transaction():
            self._rows.write_requeue(entry, delay, failed=True, crashed=False)
        self._backlog.take_back(entry)
        # a repetition must neither run beside the attempt that it replaces nor miss its last checkpoint
        self.on_timeout(task_id, entry, lambda: self._backlog.settle((), [entry]))

    def _end(self, entries: Sequence[Input], result: api_pb2.GenericResult) -> None:
        with self._rows.transaction():
            for entry in entries:
                self._rows.write_output(entry, result)
        self._backlog.settle(entries)

    def _repeat(self, entry: Input, delay: float, *, failed: bool, crashed: bool) -> None:
        with self._rows.transaction():
            self._rows.write_requeue(entry, delay, failed=failed, crashed=crashed)
        self._backlog.settle((), [entry])

    def _retry_delay(self, entry: Input, result: api_pb2.GenericResult) -> float | None:
        if result.status not in _FAILURES or entry.call.cancelled:
            return None
        definition = self._functions.get(entry.call.function_id)
        return retries.after_failure(definition.policy, entry.attempt + 1)
