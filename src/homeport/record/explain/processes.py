"""Which of the things that happened in a container gave a process the value of a variable that it has.

The last change by the process itself counts; else what its parent gave it; else what that one had, up to the
container's first process, which has what the container began with.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from homeport.record.run import Note


@dataclass(frozen=True)
class Cause:
    """`kind`: set or unset (in a process), child (given to a child), argv (by the child's command line),
    began (nothing changed it). `note` tells where."""

    kind: Literal["set", "unset", "child", "argv", "began"]
    note: Note | None = None


@dataclass(frozen=True)
class Start:
    """How a process came to be: of which other one, when, and by which note; a fork has none."""

    pid: int
    at: float
    note: Note | None = None


class Lineage:
    """The processes of one container, of its notes by time. Looked up rather than searched: a long run has
    tens of thousands of notes."""

    def __init__(self, notes: Sequence[Note]) -> None:
        self._begins: dict[int, list[Note]] = {}
        self._starts: dict[int, list[Note]] = {}  # what each process started
        self._changes: dict[tuple[int, str], list[Note]] = {}
        self._started: dict[int, Start | None] = {}
        for note in notes:
            if note.kind == "process":
                self._begins.setdefault(note.pid, []).append(note)
            elif note.kind == "child":
                self._starts.setdefault(note.pid, []).append(note)
            elif note.kind in ("set", "unset"):
                self._changes.setdefault((note.pid, note.name), []).append(note)

    def cause(self, name: str, pid: int, at: float) -> Cause:
        """Why a process has, at a time, the value of a variable that it has."""
        seen: set[int] = set()
        while pid not in seen:
            seen.add(pid)
            changed = self._last_change(name, pid, at)
            if changed is not None:
                return _of_note(changed)
            start = self.started(pid)
            if start is None:
                break
            if start.note is not None and name in start.note.changes:
                return Cause("child", start.note)
            if start.note is not None and in_command(start.note, name):
                return Cause("argv", start.note)
            pid, at = start.pid, start.at
        return Cause("began")

    def began_at(self, pid: int) -> float:
        """0 for a process that did not say so."""
        return self._begins[pid][0].at if pid in self._begins else 0.0

    def started(self, pid: int) -> Start | None:
        """How a process came to be; None for a container's first.

        A parent that is no Python, such as a shell, writes no notes: then it is whoever started something of
        this command line, or the last that started anything."""
        if pid not in self._started:
            self._started[pid] = self._find_start(pid)
        return self._started[pid]

    def _find_start(self, pid: int) -> Start | None:
        if pid not in self._begins:
            return None
        began = self._begins[pid][0]
        parent = self._begins[began.parent][0] if began.parent in self._begins else None
        by = [parent.pid] if parent is not None else [each for each in self._starts if each != pid]
        starts = [note for each in by for note in self._starts.get(each, []) if note.at <= began.at]
        alike = [note for note in starts if _is_same_command(note.argv, began.argv)]
        if not alike and parent is not None and _is_fork(parent, began):
            return Start(parent.pid, began.at)
        note = _latest(alike or starts)
        if note is not None:
            return Start(note.pid, note.at, note)
        return Start(parent.pid, began.at) if parent is not None else None

    def _last_change(self, name: str, pid: int, at: float) -> Note | None:
        """By the process itself; also when it executed another program in its own place."""
        changes = [note for note in self._changes.get((pid, name), []) if note.at <= at]
        begins = [note for note in self._begins.get(pid, []) if note.at <= at]
        if len(begins) > 1:
            starts = [note for note in self._starts.get(pid, []) if note.at <= at and name in note.changes]
            changes += [note for note in starts if _is_executed(note, begins)]
        return _latest(changes)


def with_digest(notes: Sequence[Note], name: str, digest: str, at: float) -> Cause:
    """The last thing noted that gave the variable this value, by any process: for what was started by no
    Python."""
    for note in reversed([each for each in notes if each.at <= at]):
        if note.kind == "set" and note.name == name and note.digest == digest:
            return Cause("set", note)
        if note.kind == "child" and note.changes.get(name) == digest:
            return Cause("child", note)
    return Cause("began")


def in_command(note: Note, name: str) -> bool:
    """Whether a child's command line sets the variable, as in `sh -c "X=50 python train.py"`."""
    return any(name in word and re.search(rf"(?:^|[\s;&]){re.escape(name)}=", word) for word in note.argv)


def _of_note(note: Note) -> Cause:
    if note.kind == "child":
        return Cause("child", note)
    return Cause("unset" if note.kind == "unset" else "set", note)


def _is_fork(parent: Note, began: Note) -> bool:
    """Forks have their parent's command line; multiprocessing starts its own by no event that is heard."""
    return began.argv == parent.argv or "--multiprocessing-fork" in began.argv


def _is_same_command(command: Sequence[str], began: Sequence[str]) -> bool:
    """The program may be spelled differently (`python`, `/usr/local/bin/python3`), what follows may not."""
    return bool(began) and tuple(command[1:]) == tuple(began[1:])


def _is_executed(start: Note, begins: Sequence[Note]) -> bool:
    """Whether a program was started in the process's own place: it began anew with that command line."""
    return any(note.at > start.at and _is_same_command(start.argv, note.argv) for note in begins)


def _latest(notes: Iterable[Note]) -> Note | None:
    return max(notes, key=lambda note: note.at, default=None)
