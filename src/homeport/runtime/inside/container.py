"""A container as the process around it sees it: the fork of PID 1, its messages, its end."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any, Callable

from . import kernel, messages, pid1
from .host import HostPaths


class Started:
    """PID 1, seen from its parent."""

    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid = pid
        self.channel = channel
        self.is_ready = False  # the user's process is about to run
        self.error = ""  # why the container could not be put together
        self.user_status: int | None = None  # wait status of the user's process, once it ended
        self.emulated = False  # whether owners.py answered a chown
        self.ends: dict[str, int] = {}  # of the user's process: its input's or terminal's, where it has one
        self.on_spawned_end: Callable[[int, int], None] = lambda pid, status: None

    def handle_message(self) -> bool:
        """Takes one message of PID 1's; False at the end of its channel."""
        return self._take() is not None

    def ask(self, request: dict[str, Any], fds: list[int] | None = None) -> dict[str, Any]:
        """Has PID 1 do something. The answer holds `error` where it failed, and `fds` by the names of `ends`
        where it gave any."""
        messages.send(self.channel, request, fds)
        while True:
            message = self._take()
            if message is None:
                return {"error": "the container has ended"}
            if "done" in message or "busy" in message:
                return message

    def _take(self) -> dict[str, Any] | None:
        message, fds = messages.receive(self.channel)
        if message is None:
            return None
        ends = dict(zip(message.get("ends", ()), fds))  # noqa: B905 (Python 3.9)
        if "started" in message:
            self.is_ready = True
            self.ends = ends
        elif "spawned" in message:
            self.on_spawned_end(message["spawned"], message["status"])
        elif "done" in message:
            message["fds"] = ends
        elif "busy" not in message:
            self.error = message.get("error", self.error)
            self.user_status = message.get("ended", self.user_status)
            self.emulated = message.get("emulated", self.emulated)
        return message

    def wait_or_kill(self, engine: socket.socket) -> int:
        """Waits for the end, killing the container when the engine's channel ends. Returns a wait status."""
        watched = [self.channel, engine]
        while self.channel in watched:
            ready, _, _ = select.select(watched, [], [])
            if engine in ready:
                self.kill()
                watched.remove(engine)
            if self.channel in ready and not self.handle_message():
                watched.remove(self.channel)
        return self.reap()

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        """The wait status of the user's process, or PID 1's own when it was killed. PID 1 can be waited for
        only when every other process of the container is gone."""
        _, status = os.waitpid(self.pid, 0)
        return status if self.user_status is None else self.user_status


def start(spec: dict[str, Any], paths: HostPaths, output: tuple[int, int]) -> Started | None:
    """Forks PID 1, with the working folder as this machine's root. None is returned in the user's process."""
    kernel.unshare(kernel.CLONE_NEWPID)  # for the children to come
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        pid1.main(spec, paths, here, theirs, output)
        return None
    theirs.close()
    os.close(here)
    return Started(pid, ours)
