"""Turns a fresh fork into the user's process: namespace, descriptors, signals, limits, environment, folder.

From then on it either execs a command or runs Modal's container entrypoint in this very interpreter. Runs on
the image's Python (3.9 or later); what it leaves behind must look like `python -m
modal._container_entrypoint`.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import sys
import termios
import time
from typing import Any

from . import host, kernel, owners

ENTRYPOINT = "modal._container_entrypoint"
LISTENER = b"\0"  # what comes with the descriptor of a filter's questions


def has_namespaces(spec: dict[str, Any]) -> bool:
    """Whether the kernel keeps the container apart; else proot does ("proot"), or nothing ("plain")."""
    return "proot" not in spec and "plain" not in spec


def describe(error: BaseException) -> str:
    """One line for a person: what the system said, and about which file."""
    if isinstance(error, OSError) and error.strerror:
        return "{}{}".format(error.strerror, " ({})".format(error.filename) if error.filename else "")
    return "{}: {}".format(type(error).__name__, error)


def point_output_nowhere() -> None:
    """A process that lives on must not hold the engine's pipes."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def close_all_but(kept: set[int]) -> None:
    """Closes every descriptor above 2 that is not in `kept`."""
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        if number > 2 and number not in kept:
            try:
                os.close(number)
            except OSError:
                pass  # the listing's own


def make_workdir(path: str) -> None:
    os.makedirs(path, exist_ok=True)


def become_user(spec: dict[str, Any], stdio: tuple[int, int, int], kept: int) -> None:
    """Called in the user's process, a child of PID 1. The container's root has no capability over the mounts:
    those belong to the user namespace around its own."""
    _leave_session(spec.get("terminal") is not None, stdio[0])
    if has_namespaces(spec):  # proot only makes believe that this is root
        kernel.unshare(kernel.CLONE_NEWUSER)
        host.become_root(0, 0)
    _settle(spec, stdio, kept)


def join_user(spec: dict[str, Any], stdio: tuple[int, int, int], kept: int, user_namespace: int) -> None:
    """As `become_user`, in a process that comes later: it has the rights of the user's process."""
    _leave_session(spec.get("terminal") is not None, stdio[0])
    if has_namespaces(spec):
        kernel.join_namespace(user_namespace, kernel.CLONE_NEWUSER)
    _settle(spec, stdio, kept)


def _leave_session(has_terminal: bool, terminal: int) -> None:
    os.setsid()
    if has_terminal:  # Ctrl-C and job control need one that controls the session
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    try:
        kernel.leave_session_keyring()
    except OSError:
        pass  # a kernel without keyrings has none to leave


def _settle(spec: dict[str, Any], stdio: tuple[int, int, int], kept: int) -> None:
    if has_namespaces(spec):
        _emulate_owners(spec, kept)
    for target, number in enumerate(stdio):
        os.dup2(number, target)
    close_all_but({kept, *spec.get("kept_fds", ())})
    reset_signals()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.umask(0o022)
    os.chdir(spec["workdir"])
    os.environ.clear()
    os.environ.update(spec["env"])
    time.tzset()


def _emulate_owners(spec: dict[str, Any], parent: int) -> None:
    """In a build step `parent` is a socket to PID 1, which answers what the filter asks."""
    try:
        listener = owners.emulate(is_build_step=spec["kind"] == "build step")
    except OSError:
        return  # a kernel without system call filters: chown to another user then fails, as ever
    if listener >= 0:
        with socket.socket(fileno=os.dup(parent)) as channel:
            socket.send_fds(channel, [LISTENER], [listener])
        os.close(listener)


def reset_signals() -> None:
    """As in a program just started."""
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        if number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGINT):
            continue
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # reserved by the C library
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as Python has it
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def execute(command: list[str]) -> None:
    """Replaces this process by a command; status 127 where there is none, 126 where it cannot run."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        text = "{}: {}\n".format(command[0], error.strerror)
        os.write(2, text.encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def forget_ourselves(package: str) -> None:
    """Removes this package from what the user's code can import."""
    for name in list(sys.modules):
        if name == package or name.startswith(package + "."):
            del sys.modules[name]
