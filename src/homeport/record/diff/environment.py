"""Variables: what containers began with, by origin and digest, and what was changed inside."""

import re
from collections.abc import Collection, Iterable, Iterator

from homeport.record.diff.differences import Difference
from homeport.record.explain.known import Known
from homeport.record.explain.libraries import only_at_import
from homeport.record.explain.road import road
from homeport.record.run import Run, Variable

# what the platform sets anew for every container or engine
_OF_THE_RUN = {"MODAL_IMAGE_ID", "MODAL_TASK_ID", "MODAL_SERVER_URL", "MODAL_SANDBOX_ID", "MODAL_FUNCTION_ID"}
Fact = tuple[str, ...]
_ID = re.compile(r" \(st-[^)]*\)")


def environment(before: Known, after: Known) -> Iterator[Difference]:
    tags = {each.tag for each in before.run.functions} & {each.tag for each in after.run.functions}
    # a run that was stopped before its containers did anything differs in what was done there by that alone
    have_run = all(any(note.kind == "process" for note in known.run.notes) for known in (before, after))
    mine, other = (_facts(known.run, tags, is_begun=have_run) for known in (before, after))
    for name in sorted({*mine, *other}):
        left, right = mine.get(name, frozenset()), other.get(name, frozenset())
        if left != right:
            told, otherwise = _told(before, name), _told(after, name)
            if not told and not otherwise:
                continue  # set and removed again, by a library for instance
            if told == otherwise:  # the same road, another value
                told, otherwise = f"{told} ({_marks(left - right)})", f"{otherwise} ({_marks(right - left)})"
            yield Difference(name, told, otherwise)


def _facts(run: Run, tags: Collection[str], *, is_begun: bool) -> dict[str, frozenset[Fact]]:
    """By name all that was said of a variable, without ids; of functions with these tags, or else of all.
    Changes inside only where `is_begun`."""
    found: dict[str, set[Fact]] = {}
    for function in run.functions:
        if tags and function.tag not in tags:
            continue
        for variable in function.environment:
            if variable.name not in _OF_THE_RUN:
                origin = _ID.sub("", variable.origin)
                tag = function.tag if tags else ""
                fact = ("began", tag, origin, variable.digest or variable.value)
                found.setdefault(variable.name, set()).add(fact)
    for note in run.notes if is_begun else ():
        if note.kind in ("set", "unset"):
            found.setdefault(note.name, set()).add((note.kind, note.digest))
        elif note.kind == "child":
            for name, digest in note.changes.items():
                found.setdefault(name, set()).add(("child", digest))
    return {name: frozenset(facts) for name, facts in found.items()}


def _marks(facts: Collection[Fact]) -> str:
    """What tells two values apart that may not be shown: the beginning of their digests."""
    return ", ".join(sorted({fact[-1][:8] or fact[0] for fact in facts})) or "nothing more"


def _told(known: Known, name: str) -> str:
    """A variable's value where it may be shown, and its road; empty where nothing set it."""
    variable = known.variable(name)
    found = road(known, name)
    if found is None:
        return ""
    if variable is not None and found.kind in ("image", "platform"):
        return f"{_value(variable)} ({_ID.sub('', variable.origin)})"
    return found.sentence.removeprefix(name).strip().removeprefix("=")


def _value(variable: Variable) -> str:
    return variable.value if len(variable.value) <= 60 else f"{variable.value[:59]}…"


def apart_from_libraries(
    before: Known, after: Known, differences: Iterable[Difference]
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Those that somebody gave or the app's code set, then those that only libraries set at their import."""
    own: list[Difference] = []
    libraries: list[Difference] = []
    for each in differences:
        is_libraries = all(only_at_import(known, each.name) for known in (before, after))
        (libraries if is_libraries else own).append(each)
    return tuple(own), tuple(libraries)


def is_decided_inside(before: Known, after: Known, differences: Collection[Difference]) -> bool:
    """Whether the app's own code, rather than somebody outside, gave each of these variables: what decided so
    is the likelier cause then."""
    roads = [road(known, each.name) for each in differences for known in (before, after)]
    return all(found is None or found.kind in ("child", "set", "removed") for found in roads)
