"""The first process inside proot: closes the container's files behind itself, then acts as its PID 1.

It runs on the image's Python and sees the container's paths. What proot itself needs of this machine (its
loader, its mount points) comes as descriptors.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from . import confinement, entrypoint, kernel, messages, pid1, prooted


def main(arguments: list[str]) -> None:
    """Returns only in the user's process, and there not at all."""
    spec = messages.read_memory_file(int(arguments[0]))
    channel = socket.socket(fileno=int(arguments[1]))
    os.set_inheritable(channel.fileno(), False)
    try:
        kernel.die_with_parent()
        kernel.adopt_orphans()
        messages.send(channel, {"init": os.getpid()})
        message, opened = messages.receive(channel)
        if spec["proot"]["is_confined"]:
            readable = message["readable"] if message else 0
            _close_files(spec, opened[:readable], opened[readable:])
        for number in opened:
            os.close(number)
        pid1.start(spec, channel, (int(arguments[2]), int(arguments[3])))
    except BaseException as error:
        pid1.fail(channel, error)
    entrypoint.run(spec, None)


def _close_files(spec: dict[str, Any], own: list[int], volumes: list[int]) -> None:
    binds = prooted.binds(spec)
    readable: list[int | str] = [*own, *(target for _, target, _ in binds)]
    writable = [target for _, target, read_only in binds if not read_only]
    confinement.restrict_files(readable, ["/", *writable, *volumes])
