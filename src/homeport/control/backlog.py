"""Unfinished calls and inputs in memory, a mirror of their rows: what waits, what runs, and who is told.

Rows are written by calls.py and attempts.py before anything here changes.
"""

from collections.abc import Callable, Sequence

from modal_proto import api_pb2

from homeport.control.call_rows import CallRows
from homeport.control.queues import Call, Input, Queue

_UNARY = api_pb2.FUNCTION_CALL_TYPE_UNARY


class Backlog:
    """What one engine has to do."""

    def __init__(self, rows: CallRows) -> None:
        self._rows = rows
        self._calls: dict[str, Call] = {}
        self._inputs: dict[str, Input] = {}
        self._queues: dict[str, Queue] = {}
        self._pending: dict[str, int] = {}  # app id -> unfinished inputs
        self._unfinished: dict[str, int] = {}  # function id -> unfinished inputs
        self.on_demand: list[Callable[[str], None]] = []  # a function has inputs that wait
        self.on_idle: list[Callable[[str], None]] = []  # an app has no unfinished inputs any more
        self.on_released: list[Callable[[Input, str], None]] = []  # (input, task): no longer the task's
        self.on_settled: list[Callable[[Call], None]] = []  # all inputs of a call that came are done

    def close(self) -> None:
        for entry in self._inputs.values():
            _end_timer(entry)
        for queue in self._queues.values():
            queue.close()

    # ---- what is there

    def call(self, call_id: str) -> Call:
        """Raises NotFoundError."""
        known = self._calls.get(call_id)
        if known is not None:
            return known
        call = self._rows.call(call_id)
        return call if call.kind == _UNARY else self.remember(call)

    def known(self, call_id: str) -> Call | None:
        """A call that is in memory: one that is unfinished always is."""
        return self._calls.get(call_id)

    def calls_of(self, app_id: str) -> list[Call]:
        return [call for call in self._calls.values() if call.app_id == app_id]

    def input(self, input_id: str) -> Input | None:
        return self._inputs.get(input_id)

    def inputs_waiting_for(self, function_id: str) -> list[Input]:
        """The unfinished inputs of a function that no container has, delayed ones too."""
        return [e for e in self._inputs.values() if e.call.function_id == function_id and e.task_id is None]

    def held_by(self, task_id: str) -> list[Input]:
        """The unfinished inputs that a task has."""
        return [entry for entry in self._inputs.values() if entry.task_id == task_id]

    def lost(self, task_ids: set[str]) -> list[Input]:
        """Unfinished inputs of tasks that are not among these."""
        return [e for e in self._inputs.values() if e.task_id is not None and e.task_id not in task_ids]

    def queue(self, function_id: str) -> Queue:
        queue = self._queues.get(function_id)
        if queue is None:
            queue = self._queues[function_id] = Queue(lambda: self._tell_demand(function_id))
        return queue

    def waiting(self, function_id: str) -> int:
        """How many inputs of a function could be handed out now."""
        queue = self._queues.get(function_id)
        return len(queue) if queue else 0

    def demanded(self) -> list[str]:
        """Functions that have inputs waiting or running."""
        return list(self._unfinished)

    def pending(self, app_id: str) -> int:
        """The number of the app's unfinished inputs."""
        return self._pending.get(app_id, 0)

    # ---- what changes

    def remember(self, call: Call) -> Call:
        self._calls[call.call_id] = call
        return call

    def forget(self, call: Call) -> None:
        self._calls.pop(call.call_id, None)

    def enqueue(self, call: Call, added: list[tuple[int, str]]) -> None:
        """Takes new inputs, (idx, input id), of a call."""
        queue = self.queue(call.function_id)
        call.total += len(added)
        for idx, input_id in added:
            entry = Input(input_id, call, idx)
            self.track(entry)
            queue.add(entry)
        if added:
            self._tell_demand(call.function_id)

    def track(self, entry: Input) -> None:
        """Takes an unfinished input; whether it waits in its queue is the caller's business."""
        self._inputs[entry.input_id] = entry
        entry.call.unfinished[entry.input_id] = entry
        app_id, function_id = entry.call.app_id, entry.call.function_id
        self._pending[app_id] = self._pending.get(app_id, 0) + 1
        self._unfinished[function_id] = self._unfinished.get(function_id, 0) + 1

    def settle(self, finished: Sequence[Input], repeated: Sequence[Input] = ()) -> None:
        """After the rows: inputs that ended, and those that wait again. Tells everybody concerned."""
        for entry in finished:
            self._leave_task(entry)
            self._untrack(entry)
        for entry in (entry for entry in repeated if not entry.finished):
            self._leave_task(entry)
            self.queue(entry.call.function_id).add(entry)
        for call in {entry.call.call_id: entry.call for entry in finished}.values():
            call.wake()
            if not call.unfinished:
                self.tell_settled(call)
                if call.kind == _UNARY:
                    self.forget(call)
        for function_id in dict.fromkeys(entry.call.function_id for entry in repeated):
            self._tell_demand(function_id)
        for app_id in {entry.call.app_id for entry in finished}:
            if not self._pending.get(app_id):
                self._pending.pop(app_id, None)
                for hook in self.on_idle:
                    hook(app_id)

    def take_back(self, entry: Input) -> None:
        """After its row: an input that its container works on no more, not to be handed out yet."""
        self._leave_task(entry)

    def tell_settled(self, call: Call) -> None:
        """All inputs of a call that came are done."""
        for hook in self.on_settled:
            hook(call)

    # ---- inside

    def _untrack(self, entry: Input) -> None:
        entry.finished = True
        self._inputs.pop(entry.input_id, None)
        entry.call.unfinished.pop(entry.input_id, None)
        self._pending[entry.call.app_id] -= 1
        function_id = entry.call.function_id
        self._unfinished[function_id] -= 1
        if not self._unfinished[function_id]:
            del self._unfinished[function_id]

    def _leave_task(self, entry: Input) -> None:
        _end_timer(entry)
        task_id, entry.task_id = entry.task_id, None
        if task_id is not None:
            for hook in self.on_released:
                hook(entry, task_id)

    def _tell_demand(self, function_id: str) -> None:
        for hook in self.on_demand:
            hook(function_id)


def _end_timer(entry: Input) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
        entry.timer = None
