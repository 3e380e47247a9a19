"""Messages between Homeport's own processes: one JSON object and descriptors a datagram.

Sockets are SOCK_SEQPACKET pairs: a message arrives whole or not at all, and the other side's end is seen.
What may be large or secret (a specification with its environment) goes as a memory file's descriptor.
"""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

_LIMIT = 65536
_FDS = 64


def send(channel: socket.socket, message: dict[str, Any], fds: list[int] | None = None) -> None:
    """A receiver that is gone is no error: whoever waits for an answer sees the end of the channel."""
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        channel.sendmsg([json.dumps(message).encode()], ancillary)
    except (BrokenPipeError, ConnectionResetError):
        pass


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors (closed on exec); None at the end of the channel."""
    try:
        data, ancillary, _, _ = channel.recvmsg(_LIMIT, socket.CMSG_LEN(_FDS * 4), socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None, []
    fds = array.array("i")
    for level, kind, body in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(body[: len(body) - len(body) % fds.itemsize])
    return (json.loads(data) if data else None), list(fds)


def memory_file(content: dict[str, Any]) -> int:
    """A descriptor of a file in memory that holds the JSON object."""
    number = os.memfd_create("request", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(number), "wb") as file:
        file.write(json.dumps(content).encode())
    return number


def read_memory_file(number: int) -> dict[str, Any]:
    """The JSON object in a memory file, which is closed."""
    with os.fdopen(number, "rb") as file:
        file.seek(0)
        content: dict[str, Any] = json.load(file)
        return content


def renumber(spec: dict[str, Any], numbers: dict[int, int]) -> dict[str, Any]:
    """The specification with the descriptors' numbers as they are in this process."""
    volumes = [
        dict(volume, fd=numbers[volume["fd"]]) if volume.get("fd") is not None else volume
        for volume in spec["volumes"]
    ]
    return dict(spec, volumes=volumes, cgroup_fds=[numbers[number] for number in spec.get("cgroup_fds", ())])
