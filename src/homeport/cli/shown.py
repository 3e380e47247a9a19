"""A run's record as sections of lines, each empty where there is nothing to say."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from homeport.cli.durations import human_duration
from homeport.plan.sizes import human_size
from homeport.record.run import Attempt, Call, Function, Launcher, Run, Variable

_MOST: Final = 12  # of lists that may be long; --format json has all
_LONGEST: Final = 160


def sections(run: Run) -> Iterator[tuple[str, Iterator[str]]]:
    """Titles and lines, in the order in which somebody asks."""
    for title, lines in _SECTIONS:
        yield title, lines(run)


def _when(run: Run) -> Iterator[str]:
    kind = {
        "run": "a run",
        "deployment": "a deployment",
        "call": "a call of a deployed function",
        "schedule": "a firing of a schedule",
    }[run.kind]
    started = datetime.fromtimestamp(run.started_at)
    lasted = f", for {human_duration(run.ended_at - run.started_at)}" if run.ended_at else ""
    lasted = ", and goes on" if run.state == "running" else lasted
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


def _calls(run: Run) -> Iterator[str]:
    yield from _some([_call(call) for call in run.calls])


def _call(call: Call) -> str:
    marks = {"default": " (default)", "command line": " (command line)", "given": ""}
    arguments = ", ".join(f"{a.name}={_cut(a.value, 80) or '…'}{marks[a.came]}" for a in call.arguments)
    counted = "" if call.inputs == 1 else f"; {call.inputs} inputs"
    failed = f"; {call.failed} did not succeed" if call.failed else ""
    took = f"; {human_duration(call.ended_at - call.started_at)}" if call.ended_at else ""
    nested = "  made by another call" if call.parent and not call.made_in else ""
    return f"{call.function}({arguments}){counted}{failed}{took}{nested}"


def _containers(run: Run) -> Iterator[str]:
    yield from _some([_attempt(attempt, run.started_at) for attempt in run.attempts])


def _attempt(attempt: Attempt, begun_at: float) -> str:
    parts = [f"{attempt.task_id}  {attempt.function}"]
    if attempt.started_at:
        after = attempt.started_at - begun_at
        parts.append(f"started after {human_duration(after)}" if after > 0 else "was there already")
    if attempt.ended_at and attempt.started_at:
        parts.append(f"ran {human_duration(attempt.ended_at - attempt.started_at)}")
    if attempt.cpu_time_s:
        parts.append(f"{attempt.cpu_time_s:.1f} s of CPU")
    if attempt.memory_peak_bytes:
        parts.append(f"{human_size(attempt.memory_peak_bytes)} at most")
    parts += attempt.gpus
    if attempt.exit_code not in (None, 0):
        parts.append(f"exit status {attempt.exit_code}")
    if attempt.reason:
        parts.append(_cut(attempt.reason))
    if attempt.command:
        parts.append(_cut(f"ran `{' '.join(attempt.command)}`"))
    return ", ".join(parts)


def _contract(run: Run) -> Iterator[str]:
    contract = run.contract
    if contract is None:
        return
    yield f"{contract.name}: {contract.verdict or 'not judged yet'}"
    for rule, expected in contract.expected.items():
        yield f"  {rule}: expected {expected}, saw {contract.seen.get(rule, 'nothing')}"
    for violation in contract.violations:
        yield f"  {violation.sentence}"


def _counts(run: Run) -> Iterator[str]:
    yield from _some([f"{count.name} = {count.value}    {_cut(count.line, 100)}" for count in run.counts])


def _environment(run: Run) -> Iterator[str]:
    started = [function for function in run.functions if function.environment]
    for function in started:
        if len(started) > 1:
            yield f"{function.tag}:"
        yield from _variables(function)


def _variables(function: Function) -> Iterator[str]:
    own = [variable for variable in function.environment if variable.origin != "platform"]
    for variable in own:
        shadowed = f", in place of that from {', '.join(variable.shadowed)}" if variable.shadowed else ""
        yield f"{variable.name}={_value(variable)}    {variable.origin}{shadowed}"
    platform = len(function.environment) - len(own)
    if platform:
        yield f"and {platform} of the platform"


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
    for function in run.functions:
        if not function.limits.given:
            continue
        pairs = [
            f"{name} {given}" + (f" (asked: {asked})" if (asked := function.limits.asked.get(name)) else "")
            for name, given in function.limits.given.items()
        ]
        yield f"{function.tag}: {', '.join(pairs)}"


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
