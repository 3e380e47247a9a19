"""The engine's helper that enters the namespaces: runs one command, starts one container, or a warm parent.

A process of its own, because only a single-threaded process can enter a user namespace. It gets its request as
the number of a memory file's descriptor, answers on the request's channel, and holds nothing else of the engine.
"""

import os
import socket
import sys

from . import container, entry, host, messages, pid1


def main(arguments: "list[str]") -> None:
    request = messages.read_memory_file(int(arguments[0]))
    channel = socket.socket(fileno=request["channel"])
    try:
        host.enter_namespaces(request["staged"], request["container_uid"])
    except OSError as error:
        messages.send(channel, {"error": pid1.describe(error), "namespaces": True})
        sys.exit(1)
    paths = host.HostPaths(request["staged"])
    if request["mode"] == "command":
        _run_command(request["spec"], paths, channel)


def _run_command(spec: "dict", paths: host.HostPaths, channel: socket.socket) -> None:
    """Runs one command to its end. When the engine closes the channel, or dies, so does the command."""
    started = container.start(spec, paths, (1, 1))
    if started is None:
        entry.execute(spec["command"])
        return
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)  # the end of the output is the end of the container's
    status = started.wait_or_kill(channel)
    messages.send(channel, {"error": started.error} if started.error else {"ended": status})
