"""What happened to a variable inside the containers, by time, through all their Python processes."""

import math
from collections.abc import Iterable, Sequence

from homeport.record.explain import clauses
from homeport.record.explain.answers import BY_READING, Step
from homeport.record.explain.known import Known
from homeport.record.explain.processes import in_command
from homeport.record.run import Note, Place

_MOST_STEPS = 12  # of one container
_MOST_CONTAINERS = 3


def inside(known: Known, name: str) -> list[Step]:
    """The steps of all containers: equal containers once, and no more than a few."""
    groups: dict[tuple[tuple[str, str], ...], list[tuple[str, list[Step]]]] = {}
    for task_id in _tasks(known):
        steps = _shortened(_of_container(known, name, task_id))
        key = tuple((step.text, step.place) for step in steps)
        groups.setdefault(key, []).append((task_id, steps))
    told = [alike for key, alike in groups.items() if key]
    found: list[Step] = []
    for alike in told[:_MOST_CONTAINERS]:
        task_id, steps = alike[0]
        if len(told) > 1 or len(alike) > 1:
            others = f", and {len(alike) - 1} more like it" if len(alike) > 1 else ""
            found.append(Step("container", f"{task_id}{others}:"))
        found += steps
    if len(told) > _MOST_CONTAINERS:
        found.append(Step("container", f"and {len(told) - _MOST_CONTAINERS} more where it was otherwise"))
    return found


def _tasks(known: Known) -> list[str]:
    return list(dict.fromkeys(note.task_id for note in sorted(known.run.notes, key=lambda note: note.at)))


def _of_container(known: Known, name: str, task_id: str) -> list[Step]:
    notes = known.notes_of(task_id)
    found: list[Step] = []
    read: set[tuple[Place, bool]] = set()
    for note in notes:
        where = f"pid {note.pid}"
        if note.kind in ("set", "unset") and note.name == name:
            found.append(_changed(known, name, note, where))
        elif note.kind == "read" and note.name == name and note.how != "copy":
            is_there = bool(note.digest)
            place = note.stack[0] if note.stack else Place("", 0)
            if (place, is_there) not in read:
                read.add((place, is_there))
                verb = "tested" if note.how == "in" else "read"
                nothing = "" if is_there else ", and found nothing"
                found.append(_step(known, note, where, f"{verb} it", nothing))
        elif note.kind == "child":
            found += _started(known, name, note, where, is_there=_has(known, name, note))
    return found


def _changed(known: Known, name: str, note: Note, where: str) -> Step:
    if note.kind == "unset":
        return _step(known, note, where, "removed it")
    call = clauses.earlier_call(known, note, math.inf)
    by = f" while it served {call}" if call else ""
    return _step(known, note, where, f"set it{by}")


def _started(known: Known, name: str, note: Note, where: str, *, is_there: bool) -> list[Step]:
    child = f"`{clauses.command(note.argv)}`"
    given = note.changes.get(name)
    if given is None:
        passed = in_command(note, name)
        if passed:
            return [_step(known, note, where, f"started {child}, whose command line sets it")]
        return [_step(known, note, where, f"started {child}, which got it unchanged")] if is_there else []
    how = "with another value" if given and is_there else "with it" if given else "without it"
    steps = [_step(known, note, where, f"started {child} {how}")]
    if line := clauses.line_for_child(known, name, note):
        place, mention = line
        act = "set" if given else "removed"
        decision = clauses.because(known, place, mention)
        text = known.sources.line(place.file, place.line)
        changed = Step(
            where, f"{act} it in the child's environment{decision}", known.shown(place), text, BY_READING
        )
        steps.insert(0, changed)
    return steps


def _has(known: Known, name: str, note: Note) -> bool:
    """Whether the process has the variable when the note is written."""
    found = known.lineage(note.task_id).cause(name, note.pid, note.at)
    if found.kind == "began" or found.note is None:
        return known.variable(name, note.task_id) is not None
    return found.kind in ("set", "argv") or bool(found.note.changes.get(name))


def _step(known: Known, note: Note, where: str, text: str, rest: str = "") -> Step:
    """`rest` comes behind the library that did it for the user's line."""
    place = note.stack[0] if note.stack else None
    line = known.sources_of(note.task_id).line(place.file, place.line) if place else ""
    through = clauses.through(note)
    return Step(where, f"{text}{through}{rest}", known.shown(place) if place else "", line, at=note.at)


def _shortened(steps: list[Step]) -> list[Step]:
    """Equal steps once with their number; the first and last of very many."""
    counted: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        counted.setdefault((step.text, step.place), []).append(step)
    found = [_times(alike) for alike in counted.values()]
    if len(found) <= _MOST_STEPS:
        return found
    left_out = Step("container", f"… {len(found) - _MOST_STEPS} more …")
    return [*found[: _MOST_STEPS // 2], left_out, *found[-(_MOST_STEPS // 2) :]]


def _times(alike: Sequence[Step]) -> Step:
    first = alike[0]
    if len(alike) == 1:
        return first
    return Step(
        first.where, f"{first.text} ({len(alike)} times)", first.place, first.line, first.found, first.at
    )


def readers(known: Known, name: str) -> list[tuple[Note, bool]]:
    """The first read at each place, with whether the process had the variable then."""
    found: dict[str, tuple[Note, bool]] = {}
    for task_id in _tasks(known):
        for note in _reads(known.about(name, task_id), name):
            is_there = bool(note.digest)
            place = known.shown(note.stack[0]) if note.stack else ""
            if place not in found or (is_there and not found[place][1]):
                found[place] = (note, is_there)
    return list(found.values())


def _reads(notes: Iterable[Note], name: str) -> list[Note]:
    return [note for note in notes if note.kind == "read" and note.name == name and note.how != "copy"]
