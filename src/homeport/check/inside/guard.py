"""Keeps the throw-away process from reaching a network, outliving the check, or taking the machine."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from typing import Any, Callable, Optional, Tuple

_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
MAX_PROCESSES = 256  # that one app starts while it is loaded, with all that these start
MAX_TASKS = 1024  # threads included

SERVER = ("127.0.0.1", 1)  # where the client is told that Modal's server is: nobody listens there


def enclose() -> None:
    """Goes into namespaces without a network, whose processes all end with the first one. Returns in a new
    process there. Where namespaces are closed, this process ends what is left of the new one's children.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if not _enter_namespaces(libc):
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _stay_until_end(os.fork(), has_orphans=True)
    else:
        _stay_until_end(os.fork())  # the child is the namespace's init, which takes all others with it
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _stay_until_end(os.fork())
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _enter_namespaces(libc: Any) -> bool:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and libc.unshare(_CLONE_NEWNET | _CLONE_NEWPID) == 0:
        return True
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWPID) != 0:
        return False
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", "{0} {0} 1".format(uid))
    _write("/proc/self/gid_map", "{0} {0} 1".format(gid))
    _limit(resource.RLIMIT_NPROC, MAX_TASKS)  # counted in this namespace alone
    return True


def _stay_until_end(child: int, has_orphans: bool = False) -> None:
    """In the parent: waits, collecting whatever ends, and ends as `child` did. In the child: returns.

    SIGTERM ends the child. A namespace's first process counts as ended only when all in it have ended;
    without one, `has_orphans`, those that are left come to this process.
    """
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while has_orphans and _end_children():
        pass
    if os.WIFSIGNALED(status):
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


def _end_children() -> bool:
    """Kills this process's children; theirs come to it, then. Returns whether there were any."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open("/proc/{}/stat".format(int(name))) as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == os.getpid():
            os.kill(int(name), signal.SIGKILL)
            found.append(int(name))
    for pid in found:
        os.waitpid(pid, 0)
    return bool(found)


def limit_resources() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    _limit(resource.RLIMIT_DATA, max(2 << 30, memory * 3 // 4))
    _limit(resource.RLIMIT_CORE, 0)
    try:
        _write("/proc/self/oom_score_adj", "1000")  # the first to go when memory ends
    except OSError:
        pass


def _limit(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, hard))
    except (OSError, ValueError):
        pass


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


class Watch:
    """Refuses connections and too many processes, and tells of them.

    `on_attempt(what)` is called with each refused connection, `on_server()` when the client asks for
    Modal's server, `on_input()` when the app asks at a terminal.
    """

    def __init__(
        self, on_attempt: Callable[[str], None], on_server: Callable[[], None], on_input: Callable[[], None]
    ) -> None:
        self._on_attempt = on_attempt
        self._on_server = on_server
        self._on_input = on_input
        # A byte for each process that may still be started, shared with those that are.
        self._places, write = os.pipe()
        os.write(write, b"." * MAX_PROCESSES)
        os.set_blocking(self._places, False)
        os.close(write)
        self._handlers = {
            "socket.connect": lambda args: self._connect(args[1]),
            "socket.sendto": lambda args: self._connect(args[1]),
            "socket.getaddrinfo": lambda args: self._look_up(args[0]),
            "socket.gethostbyname": lambda args: self._look_up(args[0]),
            "builtins.input": lambda args: self._on_input(),
            "os.fork": self._take_place,
            "os.forkpty": self._take_place,
            "os.posix_spawn": self._take_place,
            "os.system": self._take_place,
            "subprocess.Popen": self._take_place,
        }

    def begin(self) -> None:
        handlers = self._handlers

        def hook(event: str, args: Tuple[Any, ...]) -> None:
            handler = handlers.get(event)
            if handler is not None:
                handler(args)

        sys.addaudithook(hook)

    def _connect(self, address: Any) -> None:
        if not isinstance(address, tuple):
            return  # a socket of this machine's files
        if tuple(address[:2]) == SERVER:
            self._on_server()
        self._on_attempt("{}:{}".format(*address[:2]))
        raise OSError(101, "homeport check gives no network to an app that it loads")

    def _look_up(self, host: Any) -> None:
        name = host.decode(errors="replace") if isinstance(host, bytes) else host
        if name is None or name in ("localhost", "127.0.0.1", "::1", "0.0.0.0", ""):
            return
        self._on_attempt(str(name))
        raise socket.gaierror(socket.EAI_AGAIN, "homeport check gives no network to an app that it loads")

    def _take_place(self, args: Any) -> None:
        try:
            left: Optional[bytes] = os.read(self._places, 1)
        except BlockingIOError:
            left = b""
        if not left:
            raise BlockingIOError(
                11, "the app starts more than {} processes while it is loaded".format(MAX_PROCESSES)
            )
