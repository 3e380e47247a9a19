"""What the run page shows of a record: variables with where they came from, the outcome, the command line.

Pure: a `record.run.Run` in, rows out.
"""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from homeport.record.run import Function, Note, Run

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
    function: Function
    variables: list[Seen] = field(default_factory=list)
    platform: list[Seen] = field(default_factory=list)


def functions(run: Run) -> list[FunctionView]:
    """Those that had a container; before the first one began all."""
    tasks = {attempt.task_id: attempt.function for attempt in run.attempts}
    by_function: defaultdict[str, list[Note]] = defaultdict(list)
    for note in run.notes:
        by_function[tasks.get(note.task_id, "")].append(note)
    started = [each for each in run.functions if each.environment] or run.functions
    only = started[0].tag if len(started) == 1 else ""
    return [
        _function(each, [*by_function[each.tag], *(by_function[""] if each.tag == only else ())])
        for each in started
    ]


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


def _function(function: Function, notes: Iterable[Note]) -> FunctionView:
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
        [seen for seen in shown if not seen.is_platform or seen.changes],
        [seen for seen in shown if seen.is_platform and not seen.changes],
    )
