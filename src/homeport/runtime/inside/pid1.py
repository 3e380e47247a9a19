"""A container's PID 1: builds the root, starts the user's process, passes signals on, reaps, ends with it.

A process of its own, because Python as PID 1 would ignore SIGTERM and leave orphans as zombies. When it ends,
the kernel ends every other process of the container. What becomes of its exit status is for supervisor.py.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
from typing import Any

from . import entry, kernel, messages, owners, root, spawn, stdio
from .host import HostPaths

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def main(
    spec: dict[str, Any], host: HostPaths, here: int, channel: socket.socket, output: tuple[int, int]
) -> None:
    """Becomes PID 1 of the container. Returns only in the user's process, which has everything it needs."""
    try:
        kernel.die_with_parent()
        os.fchdir(here)
        kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS)
        kept = {channel.fileno(), *output, *spec.get("cgroup_fds", ())}
        kept |= {volume["fd"] for volume in spec["volumes"] if volume.get("fd") is not None}
        entry.close_all_but(kept)
        join_groups(spec)
        root.leave(root.build(spec, host))
        entry.make_workdir(spec["workdir"])
        start(spec, channel, output)
    except BaseException as error:
        fail(channel, error)


def fail(channel: socket.socket, error: BaseException) -> None:
    """The end of a container that could not be put together."""
    messages.send(channel, {"error": entry.describe(error)})
    os._exit(1)


def start(spec: dict[str, Any], channel: socket.socket, output: tuple[int, int]) -> None:
    """Starts the user's process and stays with it. Returns only in the user's process; raises OSError."""
    user, wakeups, ends, listener = _start_user(spec, output)
    if user == 0:
        return
    try:
        for number in set(output):
            os.close(number)
        entry.point_output_nowhere()
        messages.send(channel, {"started": True, "ends": list(ends)}, list(ends.values()))
        stdio.close_all(tuple(ends.values()))
        Init(spec, user, wakeups, channel).serve(listener)
    finally:  # not reached: without PID 1 there is no container
        os._exit(1)


def join_groups(spec: dict[str, Any]) -> None:
    """Enters the control groups that hold the limits; the descriptors came from who may write there."""
    for number in spec.get("cgroup_fds", ()):
        os.write(number, b"0")


def _start_user(
    spec: dict[str, Any], output: tuple[int, int]
) -> tuple[int, socket.socket, dict[str, int], int]:
    """Forks the user's process, and returns its id (0 in it) when it is ready to run the user's code, with
    our ends of its input or terminal, and the descriptor of what owners.py asks, or -1."""
    wakeups = _watch_signals()
    theirs, ends = _user_stdio(spec, output)
    ours, its = socket.socketpair()
    user = os.fork()
    if user == 0:
        try:
            entry.become_user(spec, theirs, its.fileno())
        except BaseException as error:
            its.send(entry.describe(error).encode())
            os._exit(1)
        its.close()
        ours.detach()  # closed with all others
        return 0, wakeups, {}, -1
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    stdio.close_all(tuple(set(theirs) - set(output)))
    its.close()
    with ours:
        listener, problem = _hear_user(ours)
    if problem:
        raise OSError(0, problem.decode(errors="replace"))
    return user, wakeups, ends, listener


def _hear_user(channel: socket.socket) -> tuple[int, bytes]:
    """The filter's descriptor that the user's process sends before it runs the user's code, or -1, and what
    went wrong."""
    said, fds, _, _ = socket.recv_fds(channel, 4096, 1)
    problem = said.lstrip(entry.LISTENER)
    while data := channel.recv(4096):
        problem += data
    return (fds[0] if fds else -1), problem


def _user_stdio(spec: dict[str, Any], output: tuple[int, int]) -> tuple[tuple[int, int, int], dict[str, int]]:
    if spec.get("terminal") is not None:
        return stdio.open_terminal(spec["terminal"])
    if spec.get("has_stdin"):
        reader, writer = os.pipe()
        return (reader, *output), {"stdin": writer}
    return (os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), *output), {}


def _watch_signals() -> socket.socket:
    """A socket that gets a byte for each signal. Those to be passed on wait until the user's process exists
    and handles them itself."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    for number in (signal.SIGCHLD, *_FORWARDED):
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    return reader


class Init:
    """PID 1's loop, once the user's process runs."""

    def __init__(
        self, spec: dict[str, Any], user: int, wakeups: socket.socket, channel: socket.socket
    ) -> None:
        self.spec = spec
        self.user = user
        self.wakeups = wakeups
        self.channel = channel
        self.namespace = -1  # of the user's process, for those that come to it
        if entry.has_namespaces(spec):
            self.namespace = os.open("/proc/{}/ns/user".format(user), os.O_RDONLY | os.O_CLOEXEC)
        self.spawned: set[int] = set()
        self.emulated = False  # a chown that the kernel would have refused

    def serve(self, listener: int = -1) -> None:
        """`listener`: where owners.py asks."""
        watched: list[Any] = [self.wakeups, self.channel]
        if listener >= 0:
            watched.append(listener)
        while True:
            ready, _, _ = select.select(watched, [], [])
            if listener in ready:
                self.emulated |= owners.answer(listener)
            if self.wakeups in ready:
                for number in self.wakeups.recv(4096):
                    if number == signal.SIGCHLD:
                        self._reap()
                    else:
                        os.kill(self.user, number)  # not reaped yet, so the number is still its own
            if self.channel in ready:
                self._answer()

    def _reap(self) -> None:
        """Takes every child that ended; the user's process ends the container."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.user:
                messages.send(self.channel, {"ended": status, "emulated": self.emulated})
                os._exit(0)
            if pid in self.spawned:
                self.spawned.remove(pid)
                messages.send(self.channel, {"spawned": pid, "status": status})

    def _answer(self) -> None:
        """Does what the supervisor asks: mounts, and processes besides the user's."""
        request, fds = messages.receive(self.channel)
        if request is None:
            os._exit(1)  # the supervisor is gone
        try:
            answer, given = self._do(request, fds)
            messages.send(self.channel, dict(answer, done=True), given)
            stdio.close_all(tuple(given))
        except OSError as error:
            messages.send(self.channel, {"error": entry.describe(error), "busy": error.errno == errno.EBUSY})
        finally:
            for number in fds:
                os.close(number)

    def _do(self, request: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], list[int]]:
        """The answer, and descriptors that go with it."""
        if request["op"] == "unmount":
            kernel.unmount(request["path"])
        elif request["op"] == "mount":
            kernel.move_mount(fds[0], request["path"])
        elif request["op"] == "signal":
            spawn.signal_session(request["pid"], request["signal"])
        else:
            wanted = messages.read_memory_file(os.dup(fds[0]))
            pid, ends = spawn.spawn(self.spec, wanted, self.namespace)
            self.spawned.add(pid)
            return {"pid": pid, "ends": list(ends)}, list(ends.values())
        return {}, []
