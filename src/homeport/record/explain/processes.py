"""Which of the things that happened in a container gave a process the value of a variable that it has.

The last change by the process itself counts; else what its parent gave it; else what that one had, up to the
container's first process, which has what the container began with.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from homeport.record.run import Note


@dataclass(frozen=True)
class Cause:
    """`kind`: set or unset (in a process), child (given to a child), argv (by the child's command line),
    began (nothing changed it). `note` tells where."""

    kind: Literal["set", "unset", "child", "argv", "began"]
    note: Note | None = None


def cause(notes: Sequence[Note], name: str, pid: int, at: float) -> Cause:
    """Why process `pid` has, at a time, the value of a variable that it has. `notes` of one container, by
    time."""
    seen: set[int] = set()
    while pid not in seen:
        seen.add(pid)
        changed = _last_change(notes, name, pid, at)
        if changed is not None:
            return Cause("unset" if changed.kind == "unset" else "set", changed)
        start = started_by(notes, pid)
        if start is None:
            return Cause("began")
        if name in start.changes:
            return Cause("child", start)
        if in_command(start, name):
            return Cause("argv", start)
        pid, at = start.pid, start.at
    return Cause("began")


def started_by(notes: Sequence[Note], pid: int) -> Note | None:
    """The note of the parent that tells how a process was started; None for a container's first.

    A shell in between writes no notes, so the parent may be any ancestor: the last that started something of
    this command line, else anything, before the process began."""
    began = next((note for note in notes if note.pid == pid and note.kind == "process"), None)
    if began is None:
        return None
    starts = [note for note in notes if note.kind == "child" and note.pid != pid and note.at <= began.at]
    if any(note.pid == began.parent for note in starts):
        starts = [note for note in starts if note.pid == began.parent]
    alike = [note for note in starts if _is_same_command(note.argv, began.argv)]
    return max(alike or starts, key=lambda note: note.at, default=None)


def _is_same_command(started: Sequence[str], began: Sequence[str]) -> bool:
    """The program may be spelled differently (`python`, `/usr/local/bin/python3`), what follows may not."""
    return bool(began) and tuple(started[1:]) == tuple(began[1:])


def in_command(note: Note, name: str) -> bool:
    """Whether a child's command line sets the variable, as in `sh -c "X=50 python train.py"`."""
    return any(re.search(rf"(?:^|[\s;&]){re.escape(name)}=", word) for word in note.argv)


def _last_change(notes: Sequence[Note], name: str, pid: int, at: float) -> Note | None:
    changes = (
        note
        for note in notes
        if note.kind in ("set", "unset") and note.name == name and note.pid == pid and note.at <= at
    )
    return max(changes, key=lambda note: note.at, default=None)
