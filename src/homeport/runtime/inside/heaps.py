"""Keeps programs under proot from a heap of the old kind, which proot 5.1 confuses between processes.

proot emulates brk: the first one becomes an mmap, and what it notes of the heap is shared by a process with
what it starts through posix_spawn, also when that has become another program. Two of those at once corrupt
each other's memory. So that mmap is answered here, by the end of the address space: no heap can grow there,
and the C libraries take all memory by mmap, as they do where a heap cannot grow.
"""

from __future__ import annotations

import fcntl
import os
import struct

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE_BYTES = 80
_CONTINUE = 1
# proot adds a page: the heap then begins eight bytes before addresses start anew
_NO_ROOM = -os.sysconf("SC_PAGE_SIZE") - 8


class Heaps:
    """Answers at a filter's listener."""

    def __init__(self, listener: int) -> None:
        self.listener = listener
        self._answered: dict[int, str] = {}

    def answer(self, _: object = None) -> None:
        """One call; it may have been ended meanwhile."""
        notice = bytearray(_NOTICE_BYTES)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notice)
            number, pid = struct.unpack_from("QI", notice)
            program = _program(pid)
            if self._answered.get(pid) == program:  # a program's own, later mapping that looks the same
                reply = struct.pack("QqiI", number, 0, 0, _CONTINUE)
            else:
                self._answered[pid] = program
                reply = struct.pack("QqiI", number, _NO_ROOM, 0, 0)
            fcntl.ioctl(self.listener, _SEND, reply)
        except OSError:
            pass


def _program(pid: int) -> str:
    """Differs for each program that a process executes: where its stack begins."""
    try:
        with open("/proc/{}/stat".format(pid), encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[25]
    except OSError:
        return ""
