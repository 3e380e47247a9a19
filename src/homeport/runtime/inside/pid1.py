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

from . import entry, kernel, messages, root
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
        _join_groups(spec)
        root.leave(root.build(spec, host))
        entry.make_workdir(spec["workdir"])
        start(spec, channel, output)
    except BaseException as error:
        messages.send(channel, {"error": entry.describe(error)})
        os._exit(1)


def start(spec: dict[str, Any], channel: socket.socket, output: tuple[int, int]) -> None:
    """Starts the user's process and stays with it. Returns only in the user's process; raises OSError."""
    user, wakeups = _start_user(spec, output)
    if user == 0:
        return
    try:
        for number in set(output):
            os.close(number)
        entry.point_output_nowhere()
        messages.send(channel, {"started": True})
        _serve(user, wakeups, channel)
    finally:  # not reached: without PID 1 there is no container
        os._exit(1)


def _join_groups(spec: dict[str, Any]) -> None:
    """Enters the control groups that hold the limits; the descriptors came from who may write there."""
    for number in spec.get("cgroup_fds", ()):
        os.write(number, b"0")


def _start_user(spec: dict[str, Any], output: tuple[int, int]) -> tuple[int, socket.socket]:
    """Forks the user's process, and returns its id (0 in it) when it is ready to run the user's code."""
    wakeups = _watch_signals()
    reader, writer = os.pipe()
    user = os.fork()
    if user == 0:
        try:
            entry.become_user(spec, output, writer)
        except BaseException as error:
            os.write(writer, entry.describe(error).encode())
            os._exit(1)
        os.close(writer)
        return 0, wakeups
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    os.close(writer)
    problem = os.read(reader, 4096)
    os.close(reader)
    if problem:
        raise OSError(0, problem.decode(errors="replace"))
    return user, wakeups


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


def _serve(user: int, wakeups: socket.socket, channel: socket.socket) -> None:
    while True:
        ready, _, _ = select.select([wakeups, channel], [], [])
        if wakeups in ready:
            for number in wakeups.recv(4096):
                if number == signal.SIGCHLD:
                    _reap(user, channel)
                else:
                    os.kill(user, number)  # not reaped yet, so the number is still its own
        if channel in ready:
            _answer(channel)


def _reap(user: int, channel: socket.socket) -> None:
    """Takes every child that ended; the user's process ends the container."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == user:
            messages.send(channel, {"ended": status})
            os._exit(0)


def _answer(channel: socket.socket) -> None:
    """Unmounts or mounts a volume, as the supervisor asks."""
    request, fds = messages.receive(channel)
    if request is None:
        os._exit(1)  # the supervisor is gone
    try:
        if request["op"] == "unmount":
            kernel.unmount(request["path"])
        else:
            kernel.move_mount(fds[0], request["path"])
        messages.send(channel, {"done": True})
    except OSError as error:
        messages.send(channel, {"error": entry.describe(error), "busy": error.errno == errno.EBUSY})
    finally:
        for number in fds:
            os.close(number)
