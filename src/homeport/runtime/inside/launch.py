"""The engine's helper that enters the namespaces: runs one command, starts one container, or a warm parent.

A process of its own, because only a single-threaded process can enter a user namespace. It gets its request
as the number of a memory file's descriptor, answers on the request's channel, and holds nothing else of the
engine.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

from . import container, entry, entrypoint, host, kernel, messages, root, supervisor


def main(arguments: list[str]) -> None:
    request = messages.read_memory_file(int(arguments[0]))
    channel = socket.socket(fileno=request["channel"])
    if request["mode"] == "mapping":
        _hold_namespace(channel)
        return
    if not entry.has_namespaces(request["spec"]):
        _start_without(request["mode"], request["spec"], channel)
        return
    try:
        host.enter_namespaces(request["staged"], request["container_uid"])
    except OSError as error:
        messages.send(channel, {"error": entry.describe(error), "namespaces": True})
        sys.exit(1)
    paths = host.HostPaths(request["staged"])
    {"command": _run_command, "container": _start_container, "parent": _become_parent}[request["mode"]](
        request["spec"], paths, channel
    )


def _start_without(mode: str, spec: dict[str, Any], channel: socket.socket) -> None:
    """Where there are no namespaces."""
    from . import plain  # not in the time of a start that has them

    os.chdir("/")
    if mode == "container":
        _start_container(spec, plain.paths(spec), channel)
    elif "proot" in spec:
        from . import proot_step

        proot_step.run(spec, channel)
    else:
        from . import plain_step

        plain_step.run(spec, channel)


def _hold_namespace(channel: socket.socket) -> None:
    """A user namespace for the engine to map and keep."""
    kernel.unshare(kernel.CLONE_NEWUSER)
    messages.send(channel, {"ready": True})
    messages.receive(channel)  # until the engine has it


def _run_command(spec: dict[str, Any], paths: host.HostPaths, channel: socket.socket) -> None:
    """Runs one command to its end. When the engine closes the channel, or dies, so does the command."""
    if spec.get("work"):
        from . import files

        files.prepare(spec["work"])
    started = container.start(spec, paths, (1, 1))
    if started is None and spec.get("work"):
        os._exit(files.perform(spec["work"]))
    if started is None:
        entry.execute(spec["command"])
        return
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)  # the end of the output is the end of the container's
    status = started.wait_or_kill(channel)
    ended = {"ended": status, "emulated": started.emulated}
    messages.send(channel, {"error": started.error} if started.error else ended)


def _start_container(spec: dict[str, Any], paths: host.HostPaths, channel: socket.socket) -> None:
    """Starts a container without a warm parent. The supervisor is a grandchild: the engine's own
    child would be
    ended when the engine's event loop is closed."""
    if os.fork() != 0:
        os._exit(0)
    supervisor.supervise(spec, paths, channel)
    entrypoint.run(spec, None)


def _become_parent(spec: dict[str, Any], paths: host.HostPaths, channel: socket.socket) -> None:
    """Becomes the image's Python in the image's view, with this machine's root as a descriptor."""
    try:
        host_root = root.build(spec, paths)
        os.chdir("/")
        os.set_inheritable(host_root, True)
        os.set_inheritable(channel.fileno(), True)
        arguments = [spec["python"], entrypoint.MAIN, "parent", str(channel.fileno()), str(host_root)]
        os.execve(spec["python"], arguments, spec["env"])
    except OSError as error:
        messages.send(channel, {"error": entry.describe(error)})
        sys.exit(1)
