"""Runs one command under proot over a stack of layers, and finds what it changed: the next layer.

The command works in a copy of the stack, which changes.py compares with what it was.
"""

from __future__ import annotations

import os
import select
import socket
from typing import Any

from . import changes, entry, kernel, messages, proot_work, prooted

_STATUS = 3  # the descriptor for it: a digit, for dash
# proot ends with the status of whatever ended last, and waits for what the command left running
_REPORTED = ("/bin/sh", "-c", 'unset PROOT_NO_SECCOMP; "$@" 3>&-; echo $? >&3', "sh")


def run(spec: dict[str, Any], channel: socket.socket) -> None:
    """Runs the command to its end. When the engine closes the channel, or dies, so does the command."""
    try:
        kernel.adopt_orphans()
        proot_work.show_views(spec, spec["proot"]["root"])
        made = prooted.assemble(spec)
        root = spec["proot"]["root"]
        before = changes.scan(root)
        reader, writer = os.pipe()
        handover = prooted.Handover()
        proot = os.fork()
        if proot == 0 and spec.get("work"):
            proot_work.become(spec)
        if proot == 0:
            os.dup2(writer, _STATUS)
            prooted.become(spec, [*_REPORTED, *spec["command"]], [_STATUS], (1, 1), handover)
        os.close(writer)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)  # the end of the output is the end of the command
        started = prooted.Started(proot, channel, proot, handover.take())
        is_given_up = _wait(started, reader, channel)
        status = started.reap()
        if status == 0 and not is_given_up:
            changes.extract(root, before, spec["upper"], keeps=spec["keeps_copy"])
            prooted.remove_places(made)
    except BaseException as error:
        messages.send(channel, {"error": entry.describe(error)})
        return
    messages.send(channel, {"ended": status})


def _wait(started: prooted.Started, reader: int, engine: socket.socket) -> bool:
    """Until the command has ended, which its shell reports, or, with True, nobody waits for it any more."""
    watched = _either(reader, engine.fileno())
    prooted.await_answering(watched.fileno(), started.heaps)
    if select.select([engine], [], [], 0)[0]:
        return True
    said = os.read(reader, 16).split()
    if said:  # else there was no shell: proot's own status has to do
        started.user_status = int(said[0]) << 8
    else:
        prooted.await_answering(started.end, started.heaps)
    return False


def _either(*numbers: int) -> select.epoll:
    """Readable when one of them is."""
    both = select.epoll()
    for number in numbers:
        both.register(number, select.EPOLLIN)
    return both
