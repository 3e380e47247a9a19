"""Commands that clients run in a container beside its own process: start, streams and end, by the supervisor.

Each has a folder `x/ID/` in the task's: `exec.json` for the next engine, `out` and `err` with its output, and
`exit.json` (written by rename, once the output is complete) with how it ended. They outlive the engine, and
end with the container.
"""

from __future__ import annotations

import json
import os
import signal
import time
from selectors import BaseSelector
from typing import Any, Callable

from . import container, entry
from .streams import Input, Output

_LINGER_S = 0.1  # for output of a process that has ended while another still holds its pipes
_HANG_UP_S = 5.0  # between SIGHUP and SIGKILL
_RETRY_S = 1.0  # while the disk is full
_MOST_RUNNING = 256
_FORGOTTEN_S = 600.0  # after the end of one
_EXIT_BYTES = 256
_NAMES = {1: "out", 2: "err"}


class Exec:
    """One process."""

    def __init__(self, folder: str, pid: int, stdin: Input, outputs: dict[int, Output]) -> None:
        self.folder = folder
        self.pid = pid
        self.stdin = stdin
        self.outputs = outputs
        self.has_terminal = False
        self.status: int | None = None
        self.close_at: float | None = None
        self.kill_at: float | None = None
        self.ended_at: float | None = None

    def is_complete(self, now: float) -> bool:
        """Whether it ended and all that it wrote is in its files."""
        if self.status is None or any(output.rest for output in self.outputs.values()):
            return False
        return now >= (self.close_at or 0.0) or all(output.is_at_end for output in self.outputs.values())

    def complete(self) -> None:
        outcome: dict[str, Any] = {"status": self.status, "ended_at": time.time()}
        outcome.update({_NAMES[number]: output.written for number, output in self.outputs.items()})
        with open(self.folder + "/exit.tmp", "r+", encoding="utf-8") as file:
            json.dump(outcome, file)  # the blanks that follow are JSON's, too
        os.rename(self.folder + "/exit.tmp", self.folder + "/exit.json")
        self.ended_at = time.monotonic()
        self.stdin.close()
        for output in self.outputs.values():
            # what it left running may write on: without a reader that would end it
            output.close() if self.has_terminal else output.drop()


class Execs:
    """All of one container. `notify` tells the engine that something changed."""

    def __init__(
        self, folder: str, started: container.Started, selector: BaseSelector, notify: Callable[[], None]
    ) -> None:
        self._folder = folder + "/x"
        self._started = started
        self._selector = selector
        self._notify = notify
        self._all: dict[str, Exec] = {}
        self.main_input: Input | None = None
        started.on_spawned_end = self._ended

    # what the engine asks

    def start(self, request: dict[str, Any], memory: int) -> dict[str, Any]:
        """Once for each id: a client that got no answer asks again."""
        if request["id"] in self._all:
            os.close(memory)
            return {"done": True}
        self._forget_old()
        if sum(each.ended_at is None for each in self._all.values()) >= _MOST_RUNNING:
            os.close(memory)
            return {"error": "{} commands run in it already".format(_MOST_RUNNING), "busy": True}
        try:
            answer = self._started.ask({"op": "spawn"}, [memory])
        finally:
            os.close(memory)
        if "error" in answer:
            return {"error": answer["error"]}
        try:
            self._all[request["id"]] = self._keep(request, answer["pid"], answer["fds"])
        except OSError as error:  # such as a full disk
            self._started.ask({"op": "signal", "pid": answer["pid"], "signal": signal.SIGKILL})
            return {"error": entry.describe(error)}
        return {"done": True}

    def write(self, request: dict[str, Any], memory: int) -> dict[str, Any]:
        """The data is in a memory file."""
        with os.fdopen(memory, "rb") as file:
            file.seek(0)
            data = file.read()
        stdin = self._stdin(request["id"])
        if stdin is None:
            return {"error": "it is not known"}
        problem = stdin.write(request["offset"], data, request["is_last"])
        answer = {"offset": stdin.offset, "is_closed": stdin.is_closed, "is_full": stdin.is_full}
        return dict(answer, error=problem) if problem else dict(answer, done=True)

    def take(self, request: dict[str, Any]) -> None:
        found = self._all.get(request["id"])
        if found is not None and found.ended_at is None and request["stream"] in found.outputs:
            found.outputs[request["stream"]].take(request["offset"])

    def hang_up(self, request: dict[str, Any]) -> None:
        """Ends a process whose client is gone."""
        found = self._all.get(request["id"])
        if found is not None and found.status is None and found.kill_at is None:
            self._signal(found, signal.SIGHUP)
            self._signal(found, signal.SIGCONT)  # one that is stopped must go on to hear it
            found.kill_at = time.monotonic() + _HANG_UP_S

    # the clock

    def wait_s(self) -> float | None:
        """Until something is due."""
        times = []
        for each in self._all.values():
            if each.ended_at is not None:
                continue
            if any(output.rest for output in each.outputs.values()):
                times.append(time.monotonic() + _RETRY_S)
            times += [due for due in (each.kill_at, each.close_at) if due is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def look_at_clock(self) -> None:
        now = time.monotonic()
        for each in self._all.values():
            if each.ended_at is not None:
                continue
            for output in each.outputs.values():
                output.retry()
            if each.kill_at is not None and now >= each.kill_at:
                each.kill_at = None
                self._signal(each, signal.SIGKILL)
            self._settle(each)

    def finish(self) -> None:
        """The container has ended, and every process in it."""
        for each in self._all.values():
            if each.ended_at is None:
                each.status = signal.SIGKILL if each.status is None else each.status
                for output in each.outputs.values():
                    output.drain()
                    output.rest = b""
                each.close_at = 0.0
                self._settle(each)

    # inside

    def _stdin(self, exec_id: str) -> Input | None:
        if not exec_id:
            return self.main_input
        found = self._all.get(exec_id)
        return None if found is None else found.stdin

    def _keep(self, request: dict[str, Any], pid: int, ends: dict[str, int]) -> Exec:
        folder = self._folder + "/" + request["id"]
        os.makedirs(folder, exist_ok=True)
        with open(folder + "/exec.json", "w", encoding="utf-8") as file:
            json.dump({"ends_with_client": request["ends_with_client"]}, file)
        with open(folder + "/exit.tmp", "w", encoding="utf-8") as file:
            file.write(" " * _EXIT_BYTES)  # the room for it now: the disk may be full at the end
        terminal = ends.get("terminal")
        if terminal is not None:
            # another number for the same terminal: one is waited for to be read, one to be written
            ends = {"stdin": os.dup(terminal), "stdout": terminal}
        outputs = {
            number: Output(folder + "/" + _NAMES[number], ends[name], self._selector)
            for number, name in ((1, "stdout"), (2, "stderr"))
            if name in ends
        }
        stdin = Input(ends["stdin"], self._selector, is_terminal=terminal is not None)
        kept = Exec(folder, pid, stdin, outputs)
        kept.has_terminal = terminal is not None
        if request["timeout_s"]:
            kept.kill_at = time.monotonic() + request["timeout_s"]
        stdin.on_change = self._notify
        for output in outputs.values():
            output.on_change = lambda: self._changed(kept)
        return kept

    def _changed(self, changed: Exec) -> None:
        if changed.ended_at is None:
            self._settle(changed)
            self._notify()

    def _ended(self, pid: int, status: int) -> None:
        for each in self._all.values():
            if each.pid == pid and each.status is None:
                each.status = status
                each.kill_at = None
                each.close_at = time.monotonic() + _LINGER_S
                for output in each.outputs.values():
                    output.drain()
                self._settle(each)

    def _settle(self, each: Exec) -> None:
        if each.is_complete(time.monotonic()):
            each.complete()
            self._notify()

    def _signal(self, each: Exec, number: int) -> None:
        self._started.ask({"op": "signal", "pid": each.pid, "signal": number})

    def _forget_old(self) -> None:
        import shutil  # with its codecs it takes as long as a fork

        now = time.monotonic()
        for exec_id, each in list(self._all.items()):
            if each.ended_at is not None and now - each.ended_at > _FORGOTTEN_S:
                for output in each.outputs.values():
                    output.close()
                shutil.rmtree(each.folder, ignore_errors=True)
                del self._all[exec_id]
