"""Worker processes: given tasks, waited for, replaced when they die, ended when the build ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from seizure.cache.task import Died, Outcome, Task
from seizure.errors import CacheError

_MAY_NOT_START = 3  # workers in a row that end before they could do anything
_LIMIT_S = 600.0  # for a recording, and its size at this rate:
_SLOWEST_BYTES_A_S = 500_000
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # a process group of its own: Ctrl-C reaches the parent alone, and it ends its workers
            self.process = subprocess.Popen(
                [sys.executable, "-m", "seizure.cache.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # standard output is for the command's own words
                env=_environment(),
                process_group=0,
            )
        self.pipe = Connection(ours.detach())
        self.task: Task | None = None
        self.is_started = False
        self.deadline_s = 0.0

    def give(self, task: Task) -> None:
        self.task = task
        self.deadline_s = time.monotonic() + _limit_s(task)
        with suppress(OSError):  # it died: `Crew.wait` finds out
            self.pipe.send(task)

    def end(self) -> str:
        """Ends the process if it has not ended; how it did, in words."""
        self.pipe.close()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


class Crew:
    """At most `most` workers, started as they are needed. Use `with`: it ends them, whatever happens."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._workers: list[Worker] = []
        self._failed_starts = 0

    @property
    def has_room(self) -> bool:
        return len(self._workers) < self._most or any(worker.task is None for worker in self._workers)

    @property
    def is_working(self) -> bool:
        return any(worker.task is not None for worker in self._workers)

    def give(self, task: Task) -> None:
        """To an idle worker, or to a new one; there must be room."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = Worker()
            self._workers.append(worker)
        worker.give(task)

    def wait(self, timeout_s: float) -> Iterator[tuple[Task, Outcome]]:
        """What is done, after at most `timeout_s`. Raises CacheError where workers cannot start at all."""
        ready = wait([worker.pipe for worker in self._workers], timeout_s)
        for worker in list(self._workers):
            task = worker.task
            if worker.pipe in ready:
                outcome = self._receive(worker)
            elif task is not None and time.monotonic() > worker.deadline_s:
                self._dismiss(worker)
                outcome = Died(f"no result after {_limit_s(task):.0f} s")
            else:
                continue
            if task is not None and outcome is not None:
                worker.task = None
                yield task, outcome

    def _receive(self, worker: Worker) -> Outcome | None:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return self._dead(worker)
        if not worker.is_started:
            worker.is_started = True
            self._failed_starts = 0
            return None
        outcome: Outcome = message
        return outcome

    def _dead(self, worker: Worker) -> Died:
        how = self._dismiss(worker)
        if not worker.is_started:
            self._failed_starts += 1
            if self._failed_starts >= _MAY_NOT_START:
                raise CacheError(f"worker processes end before they begin ({how}); their words are above")
        return Died(how)

    def _dismiss(self, worker: Worker) -> str:
        self._workers.remove(worker)
        return worker.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            if kind is not None:
                worker.process.terminate()  # all at once, before any is waited for
        while self._workers:
            self._workers.pop().end()


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and its control group's quota."""
    cores = len(os.sched_getaffinity(0))
    with suppress(OSError, ValueError):
        with open("/sys/fs/cgroup/cpu.max") as file:  # noqa: PTH123 - a kernel's file
            quota, period = file.read().split()
        cores = min(cores, max(round(int(quota) / int(period)), 1))
    return cores


def _environment() -> dict[str, str]:
    """The parent's, with its module search path; one thread for each process."""
    path = os.pathsep.join(entry or os.curdir for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}


def _limit_s(task: Task) -> float:
    size_bytes = 0
    with suppress(OSError):
        size_bytes = task.recording.path.stat().st_size
    return _LIMIT_S + size_bytes / _SLOWEST_BYTES_A_S
