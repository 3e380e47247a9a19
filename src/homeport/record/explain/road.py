"""By which road a variable came to where it is: one clause, with file and line.

BGB_LIMIT_FILES came from Secret.from_dict in app.py:22, which took it from the shell (~/.bashrc:7)
BGB_LIMIT_FILES was set for the child `python train.py` in app.py:44, because "smoke" is in config_path
"""

from dataclasses import dataclass
from typing import Literal

from homeport.record.explain import clauses
from homeport.record.explain.known import Known
from homeport.record.explain.processes import Cause, with_digest
from homeport.record.run import Note, Place

Kind = Literal[
    "shell", "launcher", "secret", "env", "image", "platform", "set", "earlier", "child", "removed", "unknown"
]


@dataclass(frozen=True)
class Road:
    """`sentence` is a clause without a full stop. `place`: the line that it names first, as its process names
    the
    file."""

    kind: Kind
    sentence: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.sentence


def road(known: Known, name: str, task_id: str = "", *, pid: int = 0, at: float = 0.0) -> Road | None:
    """The road of a variable, or None where nobody set it.

    Of the process `pid` at a time where they are given (what the reader of a note saw); else of the first
    that read it, that got it from its parent, or that changed it; else of the container as it began, and
    where several functions had containers of any that had it.
    """
    found = _road(known, name, task_id, pid, at)
    return found or (_of_beginning(known, name, "") if not task_id and not pid else None)


def _road(known: Known, name: str, task_id: str, pid: int, at: float) -> Road | None:
    notes = known.about(name, task_id)
    digest = ""
    own = [note for note in notes if note.at >= known.begun]
    if not pid and (note := telling(known, own, name)) is not None:
        if note.kind == "child":
            return _of_cause(known, name, Cause("child", note), note.at)
        pid, at = note.pid, note.at
        digest = note.digest if note.kind == "read" else ""
        task_id = task_id or note.task_id
    elif not pid and (note := _left(notes, name, known.begun)) is not None:
        pid, at, task_id = note.pid, known.begun, note.task_id
    found = known.lineage(task_id).cause(name, pid, at or float("inf")) if pid else Cause("began")
    if found.kind == "began" and digest and not _began_with(known, name, task_id, digest):
        found = with_digest(known.about(name, task_id), name, digest, at)
    return _of_cause(known, name, found, at, task_id)


def telling(known: Known, notes: list[Note], name: str) -> Note | None:
    """The note that says most: the first read in the youngest process, else a child's other value, else a
    change."""
    reads = [note for note in notes if note.kind == "read" and note.name == name and note.how != "copy"]
    reads = [note for note in reads if note.digest] or reads
    reads = [note for note in reads if note.how != "in"] or reads  # only whether it is there
    if reads:
        return max(reads, key=lambda note: (known.lineage(note.task_id).began_at(note.pid), -note.at))
    children = [note for note in notes if note.kind == "child" and note.changes.get(name)]
    changes = [note for note in notes if note.kind in ("set", "unset") and note.name == name]
    return next(iter([*reversed(children), *reversed(changes)]), None)


def _left(notes: list[Note], name: str, begun: float) -> Note | None:
    """The last change that a warm container had seen when a call came to it."""
    changes = [n for n in notes if n.kind in ("set", "unset") and n.name == name and n.at < begun]
    return changes[-1] if changes else None


def _began_with(known: Known, name: str, task_id: str, digest: str) -> bool:
    """Whether the container can have begun with what was read; of plain values no digest is known."""
    variable = known.variable(name, task_id)
    return variable is not None and variable.digest in ("", digest)


def _of_cause(known: Known, name: str, found: Cause, at: float, task_id: str = "") -> Road | None:
    note = found.note
    if note is None:
        return _of_beginning(known, name, task_id)
    place = note.stack[0] if note.stack else None
    if found.kind == "child":
        sentence, place = clauses.given_to_child(known, name, note)
        return Road("child" if note.changes.get(name) else "removed", sentence, place)
    if found.kind == "argv":
        return Road("child", clauses.on_command_line(known, name, note), place)
    if found.kind == "unset":
        return Road("removed", clauses.removed(known, name, note), place)
    if earlier := clauses.left_by_earlier_call(known, name, note, at):
        return Road("earlier", earlier, place)
    return Road("set", clauses.set_in_code(known, name, note), place)


def _of_beginning(known: Known, name: str, task_id: str) -> Road | None:
    variable = known.variable(name, task_id)
    if variable is None:
        return None
    if variable.origin.startswith("image"):
        sentence, place = clauses.from_image(known, variable)
        return Road("image", sentence, place)
    if variable.origin.startswith('Secret "'):
        sentence, place = clauses.from_named_secret(known, variable)
        return Road("secret", sentence, place)
    if variable.origin.startswith("Secret.from_dict"):
        found = clauses.from_dictionary(known, variable)
        return Road(found.kind, found.sentence, found.place)
    return Road("platform", f"{name} came from the platform")
