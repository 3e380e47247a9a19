"""What the run page shows of a record: variables with where they came from, the outcome, the command line.

Pure: a `record.run.Run` in, rows out.
"""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from homeport.record.run import Attempt, Function, Note, Run
from homeport.record.versions import labels, of_definition

STATES: Final = ("running", "succeeded", "failed", "stopped")
KINDS: Final = ("run", "deployment", "call", "schedule")
_PLATFORM: Final = "platform"
_BASE: Final = "image: FROM "


@dataclass(frozen=True)
class Seen:
    """A variable of a function's containers, with what its processes did with it."""

    name: str
    value: str
    is_secret: bool
    origin: str
    is_platform: bool
    shadowed: tuple[str, ...] = ()
    reads: tuple[Note, ...] = ()
    changes: tuple[Note, ...] = ()  # set, unset, and children that got another value


@dataclass(frozen=True)
class FunctionView:
    """`label`: its tag, and its version where the app was edited meanwhile."""

    function: Function
    label: str
    variables: list[Seen] = field(default_factory=list)
    platform: list[Seen] = field(default_factory=list)


def functions(run: Run) -> list[FunctionView]:
    """Those that had a container; before the first one began all."""
    named = list(zip(run.functions, labels(run.functions), strict=True))
    named = [each for each in named if each[0].environment] or named
    started = [function for function, _ in named]
    notes: list[list[Note]] = [[] for _ in started]
    of_task = {attempt.task_id: _place(started, attempt) for attempt in run.attempts}
    for note in run.notes:
        place = of_task.get(note.task_id, 0 if len(started) == 1 else -1)
        if place >= 0:
            notes[place].append(note)
    return [_function(function, label, found) for (function, label), found in zip(named, notes, strict=True)]


def _place(functions: Sequence[Function], attempt: Attempt) -> int:
    """Which of these a container ran; -1 for none."""
    function = of_definition(functions, attempt.definition_id, attempt.function)
    return next((place for place, each in enumerate(functions) if each is function), -1)


def progress(run: Run) -> tuple[int, int, int]:
    """Inputs of the calls that no other call of the run made: how many, done, and failed."""
    calls = run.outermost
    done = sum(call.succeeded + call.failed for call in calls)
    return sum(call.inputs for call in calls), done, sum(call.failed for call in calls)


def outcome(run: Run) -> str:
    """The record's sentence, unless it only repeats the violation, which has a place of its own."""
    contract = run.contract
    if contract and any(each.sentence.rstrip(".") in run.outcome for each in contract.violations):
        return f"by contract {contract.name}"
    return run.outcome


def contract_file(run: Run) -> str:
    """As seen from the folder in which the run was started."""
    file = run.contract.file if run.contract else ""
    folder = run.launcher.cwd.rstrip("/") + "/" if run.launcher and run.launcher.cwd else ""
    return file.removeprefix(folder) or "homeport.toml"


def typed(run: Run) -> list[tuple[str, str, str]]:
    """The command lines that led to a run: what each did, the line, its folder."""
    label = "Called by" if run.deployer is not None else "Typed"
    found = ((label, run.launcher), ("Deployed by", run.deployer))
    return [(label, command_line(by.argv), by.cwd) for label, by in found if by is not None and by.argv]


def command_line(argv: Sequence[str]) -> str:
    """As it was typed: a Python that runs a script named like a command is that command."""
    words = list(argv)
    if len(words) > 1 and words[0].rsplit("/", 1)[-1].startswith("python") and not words[1].startswith("-"):
        words = words[1:]
    if words and words[0].rsplit("/", 1)[-1] in ("modal", "homeport"):
        words[0] = words[0].rsplit("/", 1)[-1]
    return shlex.join(words)


def _function(function: Function, label: str, notes: Iterable[Note]) -> FunctionView:
    reads: defaultdict[str, list[Note]] = defaultdict(list)
    changes: defaultdict[str, list[Note]] = defaultdict(list)
    for note in notes:
        if note.kind == "read" and note.name:
            reads[note.name].append(note)
        elif note.kind in ("set", "unset"):
            changes[note.name].append(note)
        elif note.kind == "child":
            for name in note.changes:
                changes[name].append(note)
    known = [
        Seen(
            variable.name,
            variable.value,
            is_secret=bool(variable.digest) and not variable.value,
            origin=variable.origin,
            is_platform=variable.origin == _PLATFORM or variable.origin.startswith(_BASE),
            shadowed=variable.shadowed,
            reads=tuple(reads[variable.name]),
            changes=tuple(changes[variable.name]),
        )
        for variable in function.environment
    ]
    names = {variable.name for variable in function.environment}
    made = [
        Seen(name, "", False, "set while it ran", False, (), tuple(reads[name]), tuple(found))
        for name, found in changes.items()
        if name not in names
    ]
    shown = sorted([*known, *made], key=lambda seen: (not seen.changes, seen.name))
    return FunctionView(
        function,
        label,
        [seen for seen in shown if not seen.is_platform or seen.changes],
        [seen for seen in shown if seen.is_platform and not seen.changes],
    )
