"""A run whose app was edited while it was served: which files and which definition a moment of it had."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from homeport.record.run import Function, Source, SourceFile

_PLATFORM = "platform"
_NEW = re.compile(r"st-\w{22}$")
_ID = re.compile(r" \(st-\w+\)$")


def files_at(source: Source, at: float) -> tuple[SourceFile, ...]:
    """The files as they were then: those of now, without what later edits changed."""
    files = {file.path: file for file in source.files}
    for edit in reversed(source.edits):
        if at < edit.at:
            for path in edit.added:
                files.pop(path, None)
            files |= {file.path: file for file in edit.replaced}
    return tuple(files[path] for path in sorted(files))


def joined(functions: Iterable[Function]) -> tuple[Function, ...]:
    """Definitions of one function that differ in nothing that a run can feel are one; the first one's line
    counts. The order is kept."""
    found: list[Function] = []
    felt: list[Function] = []  # of each of them
    for function in functions:
        own = _felt(function)
        if own not in felt:
            found.append(function)
            felt.append(own)
            continue
        place = felt.index(own)
        both = dict.fromkeys([*found[place].definitions, *function.definitions])
        found[place] = replace(found[place], definitions=tuple(both))
    return tuple(found)


def of_definition(functions: Sequence[Function], definition_id: str, tag: str) -> Function | None:
    """The function that a definition made; without one, or of an older record, the first of that tag."""
    alike = [function for function in functions if function.tag == tag]
    return next((each for each in alike if definition_id in each.definitions), alike[0] if alike else None)


def labels(functions: Sequence[Function]) -> list[str]:
    """The functions' tags; of one that was edited which version it is, the first being the oldest."""
    found = []
    for place, function in enumerate(functions):
        count = sum(each.tag == function.tag for each in functions)
        later = sum(each.tag == function.tag for each in functions[place + 1 :])
        found.append(function.tag if count == 1 else f"{function.tag}, version {later + 1} of {count}")
    return found


def _felt(function: Function) -> Function:
    """Without its line, what the platform sets anew for each container, and the ids of Secrets without a
    name, which are made anew with each edit."""
    own = tuple(
        replace(variable, origin=_ID.sub("", variable.origin))
        for variable in function.environment
        if variable.origin != _PLATFORM
    )
    secrets = tuple(name for name in function.secrets if not _NEW.match(name))
    return replace(function, definitions=(), defined=None, environment=own, secrets=secrets)
