"""`homeport explain RUN VAR`: by which road a variable came, and every step of it."""

import re
from collections.abc import Iterable

from homeport.plan.suggestions import nearest
from homeport.record.explain import chain, clauses, launching
from homeport.record.explain.answers import BY_READING, Answer, Step
from homeport.record.explain.known import Known
from homeport.record.explain.road import road, telling
from homeport.record.run import Place, ShellVariable, Variable
from homeport.record.versions import labels

_MOST_LINES = 3
_NEAREST = 3
# a text that the launcher's line may put into a Secret
_VALUE = re.compile(r"""([:=]\s*)(?:"[^"]*"|'[^']*')""")


def explain_variable(known: Known, name: str) -> Answer:
    """The answer for one variable; where nobody set it, that, and the names that are nearest."""
    found = road(known, name)
    inside = chain.inside(known, name)
    steps = (*_before(known, name), *inside)
    if found is None:
        return Answer(name, _nobody(known, name), tuple(steps) if known.shell(name) or inside else (), False)
    return Answer(name, f"{found.sentence}{_read(known, name)}.", tuple(steps))


def _before(known: Known, name: str) -> Iterable[Step]:
    """The shell, the launcher, and what containers began with."""
    variable = known.variable(name)
    yield _shell(known, name)
    lines = launching.read_lines(known, name) if known.shell(name) or _is_dictionary(variable) else []
    for note in launching.changes(known, name)[:_MOST_LINES]:
        place = note.stack[0] if note.stack else None
        verb = "set it" if note.kind == "set" else "removed it"
        yield _launcher_step(known, place, f"{verb}{clauses.through(note)} before the app was sent")
    for line in lines[:_MOST_LINES]:
        noted = "" if line.how == "noted" else BY_READING
        yield _launcher_step(known, line.place, _how_read(known, line), noted)
    yield from _began(known, name)


def _shell(known: Known, name: str) -> Step:
    shell = known.shell(name)
    if known.run.deployer is None and known.run.launcher is None:
        return Step("shell", "who started the run was not recorded")
    if shell is None and not known.launcher.shell:
        return Step("shell", "what it had was not recorded")
    if shell is None:
        return Step("shell", "does not have it")
    if shell.set_in is not None:
        line = known.sources.text(shell.set_in.file, on_launcher=True) or ""
        rows = line.splitlines()
        text = rows[shell.set_in.line - 1].strip() if 0 < shell.set_in.line <= len(rows) else ""
        text = text if name in text and "=" not in text else ""  # a value is nobody's business
        place = known.shown(shell.set_in, on_launcher=True)
        return Step("shell", f"has it; its start-up file sets it{_holder(shell)}", place, text)
    if clauses.holder_of(shell) is not None:
        return Step("shell", f"has it{_holder(shell)}; no start-up file sets it")
    return Step(
        "shell", "only the command itself has it: exported in this shell, or typed before the command"
    )


def _holder(shell: ShellVariable) -> str:
    holder = clauses.holder_of(shell)
    if holder is None:
        return ""
    return f"; `{clauses.command(holder.argv)}` (pid {holder.pid}) is the oldest process that began with it"


def _how_read(known: Known, line: launching.Line) -> str:
    notes = (note for note in known.launcher.notes if note.stack and note.stack[0] == line.place)
    act = line.mention.act if line.mention else "copied" if any(n.how == "copy" for n in notes) else "read"
    told = {"copied": "copied all of os.environ", "computed": "read variables whose names it puts together"}
    return told.get(act, "read it")


def _launcher_step(known: Known, place: Place | None, text: str, found: str = "") -> Step:
    if place is None:
        return Step("launcher", text, found=found)
    line = _VALUE.sub(r"\1…", known.sources.line(place.file, place.line, on_launcher=True))
    return Step("launcher", text, known.shown(place, on_launcher=True), line, found)


def _began(known: Known, name: str) -> Iterable[Step]:
    """What containers began with, by function where functions differ."""
    given: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for function, label in zip(known.run.functions, labels(known.run.functions), strict=True):
        if not function.environment:
            continue  # no container of it began
        variable = next((each for each in function.environment if each.name == name), None)
        key = (
            (variable.origin, variable.digest, variable.value, variable.shadowed)
            if variable
            else ("", "", "", ())
        )
        given.setdefault(key, []).append(label)
    for (origin, digest, value, shadowed), tags in given.items():
        of = f" of {', '.join(tags[:_MOST_LINES])}" if len(given) > 1 else ""
        if not origin:
            yield Step("container", f"began without it{of}")
            continue
        yield _given(known, Variable(name, origin, value, digest, shadowed), of)


def _given(known: Known, variable: Variable, of: str) -> Step:
    is_env = _is_dictionary(variable) and launching.env_keyword(known, variable.name) is not None
    origin = "the function's env=" if is_env else variable.origin
    value = f' ("{variable.value}")' if variable.value and not variable.digest else ""
    equal = ""
    if variable.digest and known.shell(variable.name) is not None:
        is_equal = clauses.is_shells(known, variable)
        whose = "your" if known.run.deployer is None else "that"
        equal = f"; its value is the one in {whose} shell" if is_equal else "; its value is not the shell's"
    replaced = f"; it replaced what {' and '.join(variable.shadowed)} gave" if variable.shadowed else ""
    return Step("container", f"began{of} with it{value} from {origin}{equal}{replaced}")


def _is_dictionary(variable: Variable | None) -> bool:
    return variable is not None and variable.origin.startswith("Secret.from_dict")


def _read(known: Known, name: str) -> str:
    """Who read it, as the end of the sentence."""
    if not known.run.notes:
        return ""
    found = [note for note, is_there in chain.readers(known, name) if is_there]
    read = [note for note in found if note.at >= known.begun]
    if not read and found:  # of each place only the first read is noted
        return f"; before this call {known.shown(found[0].stack[0])} read it" if found[0].stack else ""
    if not read:
        return "; no Python code of yours read it"
    told = telling(known, [note for note in read if note.stack], name)
    places = [known.shown(note.stack[0]) for note in read if note.stack]
    if told is not None:
        places = list(dict.fromkeys([known.shown(told.stack[0]), *places]))
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"; {places[0]}{more} read it" if places else ""


def _nobody(known: Known, name: str) -> str:
    """The sentence for a variable that no container had."""
    run_id = known.run.run_id
    near = nearest(name, [each for each in _names(known) if each != name], _NEAREST)
    hint = f" The nearest names: {', '.join(near)}." if near else ""
    reads = [note for note, _ in chain.readers(known, name) if note.stack]
    nothing = f"; {known.shown(reads[0].stack[0])} looked for it and found nothing" if reads else ""
    shell = known.shell(name)
    if shell is not None and known.run.kind == "deployment":
        lines = launching.read_lines(known, name)
        taken = f", and {known.shown(lines[0].place, on_launcher=True)} read it" if lines else ""
        return (
            f"{name} was in {clauses.shell_of(known, shell)} when {run_id} was deployed{taken}; a deployment "
            "starts no container: the calls' own records tell what these got."
        )
    if shell is not None:
        return (
            f"{name} reached no container of {run_id}{nothing}: it is in {clauses.shell_of(known, shell)}, "
            "and the app did not hand it on."
        )
    return f"Nobody set {name} in {run_id}{nothing}.{hint}"


def _names(known: Known) -> list[str]:
    given = {variable.name for function in known.run.functions for variable in function.environment}
    noted = {note.name for note in known.run.notes if note.kind in ("set", "read", "unset")}
    passed = {name for note in known.run.notes for name in note.changes}
    shell = {variable.name for variable in known.launcher.shell}
    return sorted((given | noted | passed | shell) - {"", "*"})
