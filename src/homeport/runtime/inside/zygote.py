"""The warm parent: has imported Modal's container entrypoint, and forks containers that need not.

It runs on the image's Python in the image's own view of the file system, with the environment that its
containers will have, since libraries read variables when they are imported. It stays single-threaded, or it
could not fork into namespaces. This machine's root is within reach only by a descriptor. It ends when the
engine does; the containers' supervisors, its children, go on.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
from typing import Any

from . import entry, entrypoint, messages, supervisor
from .host import HostPaths


def main(arguments: list[str]) -> None:
    channel = socket.socket(fileno=int(arguments[0]))
    host_root = int(arguments[1])
    for number in (channel.fileno(), host_root):
        os.set_inheritable(number, False)
    try:
        preloaded = _preload()
    except BaseException as error:
        messages.send(channel, {"error": entry.describe(error)})
        sys.exit(1)
    messages.send(channel, {"ready": True})
    spec = _serve(channel, host_root)
    entrypoint.run(spec, preloaded)


def _preload() -> set[str]:
    """Imports what every container imports. Returns the names of top-level modules that are now loaded."""
    before = set(sys.modules)
    importlib.import_module(entry.ENTRYPOINT)
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise RuntimeError("the image's packages start {} threads when imported".format(threads - 1))
    # run as a program, the module is executed anew, as `python -m` does
    package, _, name = entry.ENTRYPOINT.rpartition(".")
    del sys.modules[entry.ENTRYPOINT]
    delattr(sys.modules[package], name)
    gc.collect()
    gc.freeze()  # a collection in a container would write to, and so copy, every page that it shares
    return {name.partition(".")[0] for name in set(sys.modules) - before}


def _serve(channel: socket.socket, host_root: int) -> dict[str, Any]:
    """Forks a supervisor for each request. Returns in users' processes only."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors: the kernel reaps them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, fds = messages.receive(channel)
        if message is None:
            os._exit(0)
        if os.fork() == 0:
            return _start(fds, host_root)
        for number in fds:
            os.close(number)


def _start(fds: list[int], host_root: int) -> dict[str, Any]:
    """In the fork that becomes the supervisor: the request, the engine's end, and what else came along."""
    request = messages.read_memory_file(fds[0])
    entry.close_all_but({host_root, *fds[1:]})
    os.fchdir(host_root)
    os.close(host_root)
    numbers = dict(zip(request["fds"], fds[2:]))  # noqa: B905 (Python 3.9)
    spec = messages.renumber(request["spec"], numbers)
    supervisor.supervise(spec, HostPaths(request["staged"]), socket.socket(fileno=fds[1]))
    return spec
