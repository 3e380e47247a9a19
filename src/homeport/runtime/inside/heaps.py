"""Keeps programs under proot from a heap of the old kind, which proot 5.1 confuses between processes.

proot emulates brk: the first one becomes an mmap, and what it notes of the heap is shared by a process with
what it starts through posix_spawn, also when that has become another program. Two of those at once corrupt
each other's memory. So that mmap is answered here, by the end of the address space: no heap can grow there,
and the C libraries take all memory by mmap, as they do where a heap cannot grow.

A program asks for the place of its heap more than once (its loader, then its C library), and proot makes an
mmap of it each time that another program's start made it forget. A mapping of the program's own that looks
the same, as musl makes for 16 MiB, is told apart by the code that asks.
"""

from __future__ import annotations

import fcntl
import os
import platform
import struct

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTICE_BYTES = 80
_CONTINUE = 1
# proot adds a page: the heap then begins eight bytes before addresses start anew
_NO_ROOM = -os.sysconf("SC_PAGE_SIZE") - 8
# how code names the calls mmap and brk, a few instructions before it calls
_CALLS = {
    "x86_64": (bytes.fromhex("b809000000"), bytes.fromhex("b80c000000")),
    "aarch64": (bytes.fromhex("c81b80d2"), bytes.fromhex("c81a80d2")),
    "riscv64": (bytes.fromhex("9308e00d"), bytes.fromhex("9308600d")),
}
_CODE_BYTES = 48


class Heaps:
    """Answers at a filter's listener."""

    def __init__(self, listener: int) -> None:
        self.listener = listener

    def answer(self, _: object = None) -> None:
        """One call; it may have been ended meanwhile."""
        notice = bytearray(_NOTICE_BYTES)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, notice)
            number, pid = struct.unpack_from("QI", notice)
            (address,) = struct.unpack_from("Q", notice, 24)
            if _is_mmap(pid, address):
                reply = struct.pack("QqiI", number, 0, 0, _CONTINUE)
            else:
                reply = struct.pack("QqiI", number, _NO_ROOM, 0, 0)
            fcntl.ioctl(self.listener, _SEND, reply)
        except OSError:
            pass


def _is_mmap(pid: int, address: int) -> bool:
    """Whether the program itself asked for a mapping: mmap is what its code names last before `address`."""
    mmap, brk = _CALLS[platform.machine()]
    try:
        with open("/proc/{}/mem".format(pid), "rb", buffering=0) as memory:
            memory.seek(address - _CODE_BYTES)
            code = memory.read(_CODE_BYTES)
    except (OSError, ValueError):
        return False
    return code.rfind(mmap) > code.rfind(brk)
