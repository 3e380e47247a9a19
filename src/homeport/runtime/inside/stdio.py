"""What a process is connected to: pipes, or a terminal of the container's own devpts.

Made by PID 1, so that the container may open its own ends anew (/dev/stdout, /dev/pts/0): they belong to the
container's uid. The other ends go to the supervisor.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from typing import Any

Ends = "dict[str, int]"


def open_terminal(size: dict[str, Any]) -> tuple[tuple[int, int, int], dict[str, int]]:
    """The process's three descriptors, all of them the terminal, and our end of it."""
    ours, theirs = os.openpty()
    set_size(ours, size)
    return (theirs, theirs, theirs), {"terminal": ours}


def set_size(terminal: int, size: dict[str, Any]) -> None:
    """Rows and columns; 0 leaves one as it is, which is what a client without a terminal says."""
    if size["rows"] and size["cols"]:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size["rows"], size["cols"], 0, 0))


def open_pipes(stdout: str, stderr: str) -> tuple[tuple[int, int, int], dict[str, int]]:
    """The process's three descriptors, and our ends by name. `stdout` and `stderr` say `pipe` or `null`, or
    `stderr` says `stdout`, for both in one stream."""
    theirs_in, ours_in = os.pipe()
    theirs, ours = [theirs_in], {"stdin": ours_in}
    for name, kind in (("stdout", stdout), ("stderr", stderr)):
        if kind == "stdout":
            theirs.append(theirs[1])
        elif kind == "null":
            theirs.append(os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC))
        else:
            ours[name], their_end = os.pipe()
            theirs.append(their_end)
    return (theirs[0], theirs[1], theirs[2]), ours


def close_all(numbers: tuple[int, ...]) -> None:
    for number in set(numbers):
        os.close(number)
