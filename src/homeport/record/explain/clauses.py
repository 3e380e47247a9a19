"""The clauses that say by which road a variable came; road.py chooses among them."""

import json
import shlex
from dataclasses import dataclass

from homeport.record.explain import definitions, launching
from homeport.record.explain.calling import calling_lines
from homeport.record.explain.known import Known
from homeport.record.explain.launching import Kind
from homeport.record.explain.mentions import Decision, Mention
from homeport.record.run import Note, Place, Process, ShellVariable, Variable

_LONGEST_COMMAND = 60


@dataclass(frozen=True)
class Clause:
    kind: Kind
    sentence: str
    place: Place | None = None


def from_image(known: Known, variable: Variable) -> tuple[str, Place | None]:
    step = variable.origin.removeprefix("image").removeprefix(": ")
    line = next(
        (
            each
            for each in launching.entry_mentions(known, variable.name)
            if each.act == "set" and not each.taker.endswith("from_dict") and each.keyword != "env"
        ),
        None,
    )
    place = Place(known.entry, line.line) if line else None
    instruction = f": {' '.join(step.split())[:80]}" if step else ""
    return f"{variable.name}={variable.value} came from the image{instruction}{_at(known, place)}", place


def from_named_secret(known: Known, variable: Variable) -> tuple[str, Place | None]:
    place = launching.named_secret(known, variable)
    equal = ", whose value is also the one in the shell" if is_shells(known, variable) else ""
    return f"{variable.name} came from {variable.origin}{_at(known, place)}{equal}", place


def from_dictionary(known: Known, variable: Variable) -> Clause:
    """`Secret.from_dict`, of which `env=` is one for the server, and what filled it."""
    name = variable.name
    if keyword := launching.env_keyword(known, name):
        given = Place(known.entry, keyword.line)
        value = f"={keyword.value}" if keyword.value else ""
        return Clause("env", f"{name}{value} came from the function's env= in {_shown(known, given)}", given)
    if changes := launching.changes(known, name):
        return _from_launcher(known, name, changes[-1])
    lines = launching.read_lines(known, name)
    spelled = launching.in_dictionary(known, name)
    shell = known.shell(name)
    if spelled is not None and (spelled.value or not is_shells(known, variable)):
        given = Place(known.entry, spelled.line)
        return Clause("secret", f"{name} came from Secret.from_dict in {_shown(known, given)}", given)
    place = launching.secret_call(known, lines[0] if lines else None)
    made = f"Secret.from_dict{_in(known, place)}"
    if is_shells(known, variable):
        assert shell is not None
        return Clause("shell", f"{name} came from {made}, which took it from {shell_of(known, shell)}", place)
    differs = ", with another value than the shell's" if shell is not None else ""
    return Clause("secret", f"{name} came from {made}{differs}", place)


def _from_launcher(known: Known, name: str, note: Note) -> Clause:
    place = note.stack[0] if note.stack else None
    lines = launching.read_lines(known, name)
    made = launching.secret_call(known, lines[0] if lines else None)
    return Clause(
        "launcher",
        f"{name} came from Secret.from_dict{_in(known, made)}, after the app's own code set it on the "
        f"launcher{_in(known, place)}",
        place,
    )


def shell_of(known: Known, shell: ShellVariable) -> str:
    """`the shell (~/.bashrc:7)`."""
    if shell.set_in is not None:
        return f"{known.shells} ({known.shown(shell.set_in, on_launcher=True)})"
    if (holder := holder_of(shell)) is not None:
        program = holder.argv[0].rpartition("/")[2].lstrip("-") if holder.argv else "a process"
        return f"{known.shells} ({program}, pid {holder.pid}, began with it)"
    return f"{known.shells} (exported there, or typed before the command)"


def holder_of(shell: ShellVariable) -> Process | None:
    """The oldest process that began with the value; not the command that starts the launcher itself."""
    if shell.holder is None or any(word.endswith("/homeport") for word in shell.holder.argv[:2]):
        return None
    return shell.holder


def is_shells(known: Known, variable: Variable) -> bool:
    """Whether a Secret's value is the one in the launching shell, of which only digests are known."""
    shell = known.shell(variable.name)
    return shell is not None and bool(variable.digest) and shell.digest == variable.digest


def set_in_code(known: Known, name: str, note: Note) -> str:
    place = note.stack[0] if note.stack else None
    by_import = bool(note.stack) and note.stack[-1].function == "<module>"
    when = " when it was imported" if by_import and not _is_script(known, note) else ""
    value = _literal(known, name, note)
    return f"{name}{value} was set by code{_in(known, place)}{through(note)}{when}"


def through(note: Note) -> str:
    """The library that did it on behalf of the user's line, such as dotenv, as the end of a clause."""
    if not note.library:
        return ""
    file = note.library[0].file
    for part in ("/site-packages/", "/dist-packages/"):
        file = file.partition(part)[2] or file
    return f" through {file.strip('/').partition('/')[0].removesuffix('.py')}"


def removed(known: Known, name: str, note: Note) -> str:
    return f"{name} was removed by code{_in(known, note.stack[0] if note.stack else None)}"


def left_by_earlier_call(known: Known, name: str, note: Note, at: float) -> str:
    """The clause for a change that an earlier call made in a container that was kept warm, else empty."""
    by = earlier_call(known, note, at or float("inf"))
    if not by:
        return ""
    place = note.stack[0] if note.stack else None
    return f"{name}{_literal(known, name, note)} was set by {by} in the same container{_in(known, place)}"


def earlier_call(known: Known, note: Note, at: float) -> str:
    """`the earlier call fc-…` for what a container did before the call that it is asked about, of time `at`;
    else empty."""
    if note.stack and note.stack[-1].function == "<module>":
        return ""  # imports belong to every call of the container
    call = known.call_at(at, note.task_id)
    if call is None or note.at >= call.started_at:
        return ""
    before = [each for each in (*known.earlier, *known.run.calls) if 0 < each.started_at <= note.at]
    earlier = max(before, key=lambda each: each.started_at, default=None)
    return f"the earlier call {earlier.call_id}" if earlier else "an earlier call"


def given_to_child(known: Known, name: str, note: Note) -> tuple[str, Place | None]:
    child = f"the child `{command(note.argv)}`"
    line = line_for_child(known, name, note)
    if not note.changes.get(name):
        where = f" in {_container(known, line[0])}" if line else ""
        return f"{name} was removed for {child}{where}", line[0] if line else None
    if line is None:
        place = note.stack[0] if note.stack else None
        return f"{name} was set by its parent for {child}, started{_in(known, place)}", place
    place, mention = line
    value = f"={mention.value}" if mention.value else ""
    why = because(known, place, mention)
    return f"{name}{value} was set by its parent for {child} in {_container(known, place)}{why}", place


def on_command_line(known: Known, name: str, note: Note) -> str:
    place = note.stack[0] if note.stack else None
    return f"{name} was set on the command line of the child `{command(note.argv)}`{_in(known, place)}"


def line_for_child(known: Known, name: str, note: Note) -> tuple[Place, Mention] | None:
    """The line that changed a copy of the environment: in a function that led to the start, the last before
    it;
    else the only one of these files, or of all that mounts brought."""
    act = "set" if note.changes.get(name) else "removed"
    rest: list[tuple[Place, Mention]] = []
    for frame in note.stack:
        found = _mentions_in(known, frame.file, name, act)
        inside = [each for each in found if each.first_line <= frame.line <= each.last_line]
        inside = [each for each in inside if each.function == frame.function] or inside
        possible = [each for each in inside if each.line <= frame.line] or inside
        possible = [each for each in possible if _is_possible(known, each)] or possible
        if possible:
            return Place(frame.file, possible[-1].line, possible[-1].function), possible[-1]
        rest += [(Place(frame.file, each.line, each.function), each) for each in found]
    rest = rest or [
        (Place(path, each.line, each.function), each)
        for path in known.sources.naming(name)
        for each in _mentions_in(known, path, name, act)
    ]
    places = {(place.file, place.line) for place, _ in rest}
    return rest[0] if len(places) == 1 else None


def _mentions_in(known: Known, file: str, name: str, act: str) -> list[Mention]:
    found = known.sources.mentions(file, name)
    return [each for each in found if each.act == act and not each.taker.endswith("from_dict")]


def _is_possible(known: Known, mention: Mention) -> bool:
    """Whether the conditions around it hold for the run's arguments, as far as they are known."""
    for decision in mention.decisions:
        holds = decides(known, decision)
        if holds is not None and holds != decision.is_met:
            return False
    return True


def decides(known: Known, decision: Decision) -> bool | None:
    """Whether the text is in the argument of that name; None where there is no such argument."""
    given = argument_value(known, decision.name)
    if given is None:
        return None
    value = json.loads(given) if given.startswith('"') else given
    return decision.needle in (value.lower() if decision.ignores_case else value)


def argument_value(known: Known, name: str) -> str | None:
    """The value of an argument of the run's first call that has it, as JSON; None where none has."""
    for call in known.run.calls:
        for each in call.arguments:
            if each.name == name:
                return definitions.value(known, call.function, each) or None
    return None


def command(argv: tuple[str, ...]) -> str:
    """A command line as people write it, without the folder of its program."""
    if not argv:
        return "?"
    words = shlex.join([argv[0].rpartition("/")[2] or argv[0], *argv[1:]])
    return words if len(words) <= _LONGEST_COMMAND else words[: _LONGEST_COMMAND - 1] + "…"


def because(known: Known, place: Place, mention: Mention) -> str:
    """The condition by a piece of a name under which a line runs, as the end of a clause."""
    if not mention.decisions:
        return ""
    decision = mention.decisions[0]
    given = argument_value(known, decision.name)
    value = f" = {given}" if given else ""
    is_in = "is" if decision.is_met else "is not"
    where = _container(known, Place(place.file, decision.line))
    if decides(known, decision) not in (None, decision.is_met):
        came = _given_argument(known, decision.name)
        return f', because "{decision.needle}" {is_in} in {decision.name} by then ({where}), which {came}'
    return f', because "{decision.needle}" {is_in} in {decision.name}{value} ({where})'


def _given_argument(known: Known, name: str) -> str:
    """Of an argument that the function changed: what it was, where it was given, and its default."""
    call = next(c for c in known.run.calls if any(each.name == name for each in c.arguments))
    lines = calling_lines(known, call, name)
    by = f" in {_shown(known, lines[0].place)}" if len(lines) == 1 else ""
    found = definitions.parameter(known, call.function, name)
    value = argument_value(known, name)
    default = f", not its default {found.default}" if found and found.default not in ("", value) else ""
    return f"was given as {value}{by}{default}"


def _literal(known: Known, name: str, note: Note) -> str:
    """`=50` where the line that set it spells the value."""
    if not note.stack:
        return ""
    found = _mentions_in(known, note.stack[0].file, name, "set")
    here = [each for each in found if each.line == note.stack[0].line]
    return f"={here[0].value}" if here and here[0].value else ""


def _is_script(known: Known, note: Note) -> bool:
    """Whether the process is a program that another one started rather than the container's first."""
    return known.lineage(note.task_id).started(note.pid) is not None


def _shown(known: Known, place: Place) -> str:
    return known.shown(place, on_launcher=True)


def _container(known: Known, place: Place) -> str:
    return known.shown(place)


def _in(known: Known, place: Place | None) -> str:
    return _at(known, place, before=" in ", after="")


def _at(known: Known, place: Place | None, *, before: str = " (", after: str = ")") -> str:
    if place is None:
        return ""
    on_launcher = place.file == known.entry or place.file.startswith(known.launcher.cwd or "\0")
    return f"{before}{known.shown(place, on_launcher=on_launcher)}{after}"
