"""Inputs that wait, in memory: the mirror of the rows from which they can be made again.

A queue for each function: ready inputs in the order of their arrival, delayed ones (retries) by time, and the
containers that wait for one. What is done with an input is left to attempts.py.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Input:
    """An unfinished input. `task_id` is set while a container works on it."""

    input_id: str
    call: "Call"
    idx: int
    attempt: int = 0
    crashes: int = 0
    task_id: str | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    finished: bool = False
    timer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class Call:
    """A function call that has unfinished inputs or somebody who waits for its results."""

    call_id: str
    function_id: str
    app_id: str
    kind: int
    invocation: int
    created_at: float
    total: int = 0
    is_nested: bool = False  # made by a container
    is_of_spawn_map: bool = False
    cancelled: bool = False
    has_all: bool = False  # no more inputs will come
    run_id: str = ""  # the run that it belongs to
    unfinished: dict[str, Input] = field(default_factory=dict)
    waiters: set[asyncio.Future[None]] = field(default_factory=set)
    pollers: int = 0

    def wake(self) -> None:
        """Lets those who wait for results look again."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()


class Queue:
    """The waiting inputs of one function."""

    def __init__(self, on_due: Callable[[], None]) -> None:
        self._ready: deque[Input] = deque()
        self._delayed: list[tuple[float, int, Input]] = []
        self._waiters: dict[asyncio.Future[None], asyncio.Event] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._on_due = on_due
        self._sequence = 0

    def __len__(self) -> int:
        """How many inputs could be handed out now."""
        return len(self._ready)

    def add(self, entry: Input) -> None:
        """Takes an input that may run now, or at entry.not_before."""
        if entry.not_before > time.time():
            self._sequence += 1
            heapq.heappush(self._delayed, (entry.not_before, self._sequence, entry))
            self._arm()
            return
        self._ready.append(entry)
        self._wake()

    def put_back(self, entry: Input) -> None:
        """Takes back an input that a container was given but never worked on."""
        self._ready.appendleft(entry)
        self._wake()

    def forget(self) -> None:
        """Says that some waiting inputs were finished from outside, by a cancellation."""
        self._ready = deque(entry for entry in self._ready if not entry.finished)

    def take(self, limit: int) -> list[Input]:
        """Up to `limit` inputs, in order."""
        taken: list[Input] = []
        while self._ready and len(taken) < limit:
            entry = self._ready.popleft()
            if not entry.finished:
                taken.append(entry)
        return taken

    def close(self) -> None:
        """Ends the timer of delayed inputs."""
        if self._timer is not None:
            self._timer.cancel()

    async def wait(self, timeout_s: float, interrupt: asyncio.Event) -> bool:
        """Waits until an input is ready; False when the time is over. Being woken is a hint only: somebody
        else may have been quicker, or `interrupt` was set, which also ends the waiting."""
        if self._ready or interrupt.is_set():
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(timeout_s, waiter.cancel)
        self._waiters[waiter] = interrupt
        try:
            await waiter
            return True
        except asyncio.CancelledError:
            if waiter.cancelled() and not _is_cancelling():
                return False
            if waiter.done() and not waiter.cancelled():
                self._wake()  # the hint was for one that is gone: pass it on
            raise
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)

    def interrupt(self) -> None:
        """Wakes those whose interrupt is set."""
        for waiter, interrupt in list(self._waiters.items()):
            if interrupt.is_set() and not waiter.done():
                waiter.set_result(None)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
                return

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._delayed:
            delay = max(0.0, self._delayed[0][0] - time.time())
            self._timer = asyncio.get_running_loop().call_later(delay, self._release_due)

    def _release_due(self) -> None:
        self._timer = None
        now = time.time() + 0.001
        released = False
        while self._delayed and self._delayed[0][0] <= now:
            entry = heapq.heappop(self._delayed)[2]
            if not entry.finished:
                self._ready.append(entry)
                self._wake()
                released = True
        self._arm()
        if released:
            self._on_due()


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
