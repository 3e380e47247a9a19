"""A run's record as sections of lines, each empty where there is nothing to say.

Lines may be of any length; a line's own indentation says what it belongs to.
"""

import shlex
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from homeport.plan.durations import human_duration
from homeport.plan.sizes import human_size
from homeport.record.contracts.told import clauses, in_words
from homeport.record.endings import ending
from homeport.record.explain.known import Known
from homeport.record.explain.libraries import at_import
from homeport.record.run import Attempt, Call, Command, Edit, Function, Launcher, Note, Run, Variable
from homeport.record.versions import labels

_MOST: Final = 12  # of lists that may be long; --format json has all
_LONGEST: Final = 400
_OF_NOBODY: Final = ("platform", "image: FROM ")  # variables that nobody who wrote the app gave


def sections(known: Known) -> Iterator[tuple[str, Iterator[str]]]:
    """Titles and lines, in the order in which somebody asks."""
    run = known.run
    for title, lines in _SECTIONS:
        is_open = run.state == "running" and title in _NOT_FINAL
        shown = chain(lines(run), _changed(known)) if title == "Environment" else lines(run)
        yield f"{title} so far" if is_open else title, shown


def _when(run: Run) -> Iterator[str]:
    kind = {
        "run": "a run",
        "deployment": "a deployment",
        "call": "a call of a deployed function",
        "schedule": "a firing of a schedule",
    }[run.kind]
    started = datetime.fromtimestamp(run.started_at)
    took = human_duration((run.ended_at or time.time()) - run.started_at)
    lasted = f", for {took} so far" if run.state == "running" else f", for {took}" if run.ended_at else ""
    yield f"{started:%Y-%m-%d %H:%M:%S}{lasted}; {kind} in environment {run.environment or 'main'}"


def _started(run: Run) -> Iterator[str]:
    if run.launcher is not None:
        yield from _launcher(run.launcher)
    elif run.calls and run.calls[0].made_in:
        yield f"a request to the web function {run.calls[0].made_in}"
    elif run.kind == "schedule":
        yield "its schedule"


def _deployed(run: Run) -> Iterator[str]:
    if run.deployer is not None:
        yield from _launcher(run.deployer)


def _launcher(launcher: Launcher) -> Iterator[str]:
    yield _cut(" ".join(launcher.argv))
    by = f" by {launcher.user}" if launcher.user else ""
    yield f"in {launcher.cwd}{by}" + (f", {launcher.client}" if launcher.client else "")


def _source(run: Run) -> Iterator[str]:
    source = run.source
    if source.entry:
        yield source.entry
    if source.git is not None:
        git = source.git
        changed = ", with uncommitted changes" if git.is_dirty else ""
        yield f"git {git.commit[:12]} on {git.branch or 'no branch'}{changed}"
    if source.files:
        yield f"{_count(len(source.files), 'file')} brought by mounts"
        yield from _some([f"  {file.path}  {file.sha256[:12]}" for file in source.files])
    yield from _some([_edit(edit) for edit in source.edits])


def _edit(edit: Edit) -> str:
    before = [f"{file.path} was {file.sha256[:12]} before" for file in edit.replaced]
    new = [f"{path} came" for path in edit.added]
    return f"edited at {datetime.fromtimestamp(edit.at):%H:%M:%S}: {', '.join([*before, *new])}"


def _calls(run: Run) -> Iterator[str]:
    yield from _some([_call(call) for call in run.calls])


def _call(call: Call) -> str:
    marks = {"default": " (default)", "command line": " (command line)", "given": ""}
    arguments = ", ".join(f"{a.name}={_cut(a.value, 80) or '…'}{marks[a.came]}" for a in call.arguments)
    nested = "; made by another call" if call.parent else ""
    nested = f"; made for a request to {call.made_in}" if call.made_in else nested
    return f"{call.function}({arguments}){_inputs(call)}{_took(call)}{nested}"


def _inputs(call: Call) -> str:
    """The arguments are those of the first input."""
    if call.inputs == 1:
        return "; it did not succeed" if call.failed else ""
    done = call.succeeded + call.failed
    left = "" if call.ended_at else f", {done} of them done"
    failed = f"; {call.failed} did not succeed" if call.failed else ""
    return f", the first of {_count(call.inputs, 'input')}{left}{failed}"


def _took(call: Call) -> str:
    return f"; {human_duration(call.ended_at - call.started_at)}" if call.ended_at else ""


def _containers(run: Run) -> Iterator[str]:
    is_live = run.state == "running"
    yield from _some([_attempt(attempt, run, is_live=is_live) for attempt in run.attempts])
    yield from _some([_command(attempt, each) for attempt in run.attempts for each in attempt.commands])


def _command(attempt: Attempt, command: Command) -> str:
    at = f"{datetime.fromtimestamp(command.at):%H:%M:%S}"
    return f"  at {at} somebody ran `{_cut(shlex.join(command.argv))}` in {attempt.task_id}"


def _attempt(attempt: Attempt, run: Run, *, is_live: bool) -> str:
    parts = [f"{attempt.task_id}  {attempt.function}{f' of {attempt.app_id}' if attempt.app_id else ''}"]
    if attempt.started_at:
        after = attempt.started_at - run.started_at
        parts.append(f"started after {human_duration(after)}" if after > 0 else "was there already")
    else:
        parts.append("waits to be started" if is_live and not attempt.ended_at else "was not started")
    if attempt.started_at and attempt.ended_at:
        parts.append(f"ran {human_duration(attempt.ended_at - attempt.started_at)}")
    elif attempt.started_at and is_live:
        parts.append("still runs")
    if attempt.cpu_time_s >= 0.05:
        parts.append(f"{attempt.cpu_time_s:.1f} s of CPU")
    if attempt.memory_peak_bytes:
        parts.append(f"{human_size(attempt.memory_peak_bytes)} at most")
    parts += attempt.gpus
    if attempt.reason and attempt.reason.rstrip(".") in run.outcome:
        parts.append("ended for the reason above" if attempt.started_at else "for the reason above")
    elif said := ending(attempt):
        parts.append(_cut(said))
    if attempt.command:
        parts.append(_cut(f"ran `{' '.join(attempt.command)}`"))
    return ", ".join(parts)


def _contract(run: Run) -> Iterator[str]:
    contract = run.contract
    if contract is None:
        return
    is_live = run.state == "running"
    yield f"{contract.name}: {in_words(contract)}"
    found = clauses(contract)
    width = max((len(clause.word(is_live=is_live)) for clause in found), default=0)
    for clause in found:
        seen = f", saw {clause.seen}" if clause.seen not in ("", clause.expected) else ""
        yield f"  {clause.word(is_live=is_live):<{width}}  {clause.rule}: expected {clause.expected}{seen}"
    for violation in contract.violations:
        if violation.seen and violation.sentence.rstrip(".") not in run.outcome:
            yield f"  {violation.sentence}"


def _counts(run: Run) -> Iterator[str]:
    yield from _some([f"{count.name} = {count.value}    {_cut(count.line)}" for count in run.counts])


def _environment(run: Run) -> Iterator[str]:
    named = zip(run.functions, labels(run.functions), strict=True)
    started = [(function, label) for function, label in named if function.environment]
    for function, label in started:
        if len(started) > 1:
            yield f"{label}:"
        yield from _variables(function)


def _variables(function: Function) -> Iterator[str]:
    own = [variable for variable in function.environment if not variable.origin.startswith(_OF_NOBODY)]
    for variable in own:
        shadowed = f", in place of that from {', '.join(variable.shadowed)}" if variable.shadowed else ""
        yield f"{variable.name}={_value(variable)}    {variable.origin}{shadowed}"
    platform = len(function.environment) - len(own)
    if platform:
        others = "and " if own else ""
        yield f"{others}{platform} of the platform and the base image (--format json has them)"


def _changed(known: Known) -> Iterator[str]:
    """What code set or removed inside, for itself or a child; each variable where it was changed last."""
    last: dict[str, Note] = {}
    for note in known.notes_of(""):
        if note.kind in ("set", "unset", "child") and not at_import(known, note):
            last.update(dict.fromkeys(note.changes if note.kind == "child" else [note.name], note))
    changes = [f"{name}    {_change(known, name, note)}" for name, note in sorted(last.items())]
    if changes:
        yield "changed while it ran:"
        yield from (f"  {line}" for line in _some(changes))


def _change(known: Known, name: str, note: Note) -> str:
    if note.kind == "child":
        verb = f"{'set' if note.changes[name] else 'removed'} for a child process that was started"
    else:
        verb = "set by code" if note.kind == "set" else "removed by code"
    return f"{verb} at {known.shown(note.stack[0])}" if note.stack else verb


def _value(variable: Variable) -> str:
    return f"<secret {variable.digest[:8]}>" if variable.digest else _cut(variable.value, 100)


def _image(run: Run) -> Iterator[str]:
    for image in run.images:
        yield f"{image.image_id}  {image.base}, {image.python.partition(' (')[0]}"
        yield from (f"  {_cut(step)}" for step in image.steps)
        if image.packages:
            packages = [f"{name} {version}" for name, version in image.packages.items()]
            more = f" and {len(packages) - _MOST} more" if len(packages) > _MOST else ""
            yield f"  packages: {', '.join(packages[:_MOST])}{more}"
        yield from (f"  {_cut(note)}" for note in image.notes)


def _limits(run: Run) -> Iterator[str]:
    for function, label in zip(run.functions, labels(run.functions), strict=True):
        pairs = [
            f"{name} {given}" + (f" (asked: {asked})" if asked not in ("", given) else "")
            for name, given in function.limits.given.items()
            for asked in [function.limits.asked.get(name, "")]
        ]
        if pairs:
            yield f"{label}: {', '.join(pairs)}"


def _volumes(run: Run) -> Iterator[str]:
    for volume in run.volumes:
        changed = f", then {volume.committed}" if volume.committed not in ("", volume.seen) else ""
        read_only = ", read-only" if volume.is_read_only else ""
        yield f"{volume.path}  {volume.name}: {volume.seen}{changed}{read_only}"


def _files(run: Run) -> Iterator[str]:
    for config in run.configs:
        by = f", brought by {config.brought_by}" if config.brought_by else ""
        at = f", opened at {config.opened}" if config.opened else ""
        yield f"{config.path}  {config.sha256[:12]}{by}{at}"
    folders = [
        f"{folder.path}: {folder.read} read, {folder.written} written"
        + (f" (volume {folder.volume})" if folder.volume else "")
        for folder in run.folders
    ]
    yield from _some(folders)


def _machine(run: Run) -> Iterator[str]:
    machine = run.machine
    if not machine.cores:
        return
    gpus = f", {', '.join(machine.gpus)}" if machine.gpus else ""
    yield f"{machine.cores} cores, {human_size(machine.memory_bytes)}{gpus}; {machine.system}"
    yield f"Homeport {machine.homeport}, containers kept apart by {machine.isolation}"


def _some(lines: list[str]) -> Iterator[str]:
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"… and {len(lines) - _MOST} more (--format json has all)"


def _cut(text: str, length: int = _LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


_NOT_FINAL: Final = ("Contract", "Counts", "Calls", "Containers", "Volumes", "Files")
_SECTIONS: Final[tuple[tuple[str, Callable[[Run], Iterator[str]]], ...]] = (
    ("When", _when),
    ("Contract", _contract),
    ("Counts", _counts),
    ("Started by", _started),
    ("Deployed by", _deployed),
    ("Source", _source),
    ("Calls", _calls),
    ("Containers", _containers),
    ("Environment", _environment),
    ("Volumes", _volumes),
    ("Files", _files),
    ("Limits", _limits),
    ("Image", _image),
    ("Not honoured", lambda run: iter(run.not_honoured)),
    ("Machine", _machine),
    ("Not recorded", lambda run: iter(run.missing)),
)
