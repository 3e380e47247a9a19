"""What is asked of an installer: requirements as PEP 508 and pip write them, and the files that list them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from homeport.check.values import Unknown

_NAMED = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL)
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_REPOSITORY = re.compile(r"([A-Za-z0-9._-]+?)(?:\.git)?/?(?:@[^/#]*)?(?:#.*)?$")
_ARCHIVE = re.compile(r"([A-Za-z0-9._]+?)-[0-9][^/]*\.(?:whl|tar\.gz|zip)(?:[#?].*)?$")
_MARKER = re.compile(r"^\s*\(?\s*(\w+)\s*(==|!=|<=|>=|<|>|in|not in)\s*['\"]([^'\"]*)['\"]\s*\)?\s*$")
_OPTION_WITH_FILE = re.compile(r"(?:-r|--requirement)(?:\s+|=)?(.+)")
_ENVIRONMENT = {
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}


@dataclass(frozen=True)
class Requirement:
    """A distribution by its normalised name. `is_exact`: it comes as its index publishes it, not from a
    repository or an address of its own. `is_certain` is False where a marker cannot be told.
    """

    name: str
    extras: tuple[str, ...] = ()
    is_exact: bool = True
    is_certain: bool = True


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirement(
    text: str, python_version: str = "", extras: Iterable[str] = ()
) -> Requirement | Unknown | None:
    """One requirement; None where its marker leaves it out, Unknown where its name cannot be told."""
    text = re.sub(r"(^|\s)#.*$", "", text).strip()
    if not text:
        return None
    head, _, marker = text.partition(";") if "://" not in text else text.partition(" ;")
    head = head.strip()
    holds = _holds(marker, python_version, frozenset(extras)) if marker else True
    if holds is False:
        return None
    if head.startswith(("git+", "hg+", "svn+", "bzr+", "http://", "https://", "file:")):
        return _from_address(head)
    found = _NAMED.fullmatch(head)
    if found is None or (
        head.startswith((".", "/", "~")) or "/" in head.split("@")[0] or head.endswith(".whl")
    ):
        archive = _ARCHIVE.search(head)
        return (
            Requirement(normalise(archive[1]), (), False)
            if archive
            else Unknown(f"`{head}` is installed from a folder")
        )
    names = tuple(normalise(extra.strip()) for extra in (found[2] or "").split(",") if extra.strip())
    return Requirement(normalise(found[1]), names, not found[3].startswith("@"), holds is True)


def read_requirements(
    path: Path, python_version: str = "", seen: frozenset[Path] = frozenset()
) -> Iterator[Requirement | Unknown]:
    """Those of a requirements file and of the files that it names."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        yield Unknown(f"the requirements file {path} cannot be read")
        return
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\s--(hash|config-settings?|global-option)[= ]\S+", "", line).strip()
        if named := _OPTION_WITH_FILE.fullmatch(line):
            other = (path.parent / named[1].strip()).resolve()
            if other not in seen:
                yield from read_requirements(other, python_version, seen | {path.resolve(), other})
        elif line.startswith(("-e", "--editable")):
            yield read_requirement(
                line.split(None, 1)[-1].removeprefix("--editable="), python_version
            ) or Unknown(line)
        elif line and not line.startswith("-"):
            found = read_requirement(line, python_version)
            if found is not None:
                yield found


def _from_address(text: str) -> Requirement | Unknown:
    if egg := _EGG.search(text):
        return Requirement(normalise(egg[1]), (), False)
    if archive := _ARCHIVE.search(text):
        return Requirement(normalise(archive[1]), (), False)
    if text.startswith("git+") and (repository := _REPOSITORY.search(text)):
        return Requirement(normalise(repository[1]), (), False)
    return Unknown(f"what `{text}` installs is not known")


Truth = Literal[True, False, "perhaps"]


def _holds(marker: str, python_version: str, extras: frozenset[str]) -> Truth:
    """Whether an environment marker holds on Linux with that Python."""
    marker = marker.strip()
    for word, decisive in ((" or ", True), (" and ", False)):
        pieces = _split(marker, word)
        if len(pieces) > 1:
            truths: list[Truth] = [_holds(piece, python_version, extras) for piece in pieces]
            if decisive in truths:
                return decisive
            return "perhaps" if "perhaps" in truths else not decisive
    if marker.startswith("(") and marker.endswith(")"):
        return _holds(marker[1:-1], python_version, extras)
    found = _MARKER.fullmatch(marker)
    if found is None:
        return "perhaps"
    name, operator, value = found.groups()
    if name == "extra":
        return (normalise(value) in extras) == (operator == "==")
    if name in ("python_version", "python_full_version") and python_version:
        return _compare(_number(python_version), operator, _number(value))
    if name in _ENVIRONMENT and operator in ("==", "!="):
        return (_ENVIRONMENT[name] == value) == (operator == "==")
    return "perhaps"


def _split(text: str, word: str) -> list[str]:
    """The parts between a word that stands outside of brackets."""
    pieces, depth, start, at = [], 0, 0, 0
    while at < len(text):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0 and text.startswith(word, at):
            pieces.append(text[start:at])
            at += len(word)
            start = at
            continue
        at += 1
    return [*pieces, text[start:]]


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _compare(left: tuple[int, ...], operator: str, right: tuple[int, ...]) -> Truth:
    left, right = left[: len(right)], right[: len(left)]
    answers = {
        "==": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return answers.get(operator, "perhaps")
