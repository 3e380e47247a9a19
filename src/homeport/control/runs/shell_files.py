"""Which line of a shell's start-up files set a variable of a launcher."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

from homeport.record.run import Place

_OF_USER: Final = (
    ".bashrc",
    ".profile",
    ".bash_profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".config/fish/config.fish",
    ".pam_environment",
)
_OF_MACHINE: Final = ("/etc/environment", "/etc/profile", "/etc/bash.bashrc")
_MORE: Final = Path("/etc/profile.d")
_LONGEST_BYTES: Final = 1 << 20
_ASSIGNMENT: Final = re.compile(
    r"""^\s* (?: (?:export|declare|typeset|local)\s+ (?:-\w+\s+)* )? ([A-Za-z_]\w*) = (.*)$
    | ^\s* set \s+ (?:-\w+\s+|--\w+\s+)+ ([A-Za-z_]\w*) \s+ (.*)$        # fish
    | ^\s* setenv \s+ ([A-Za-z_]\w*) \s+ (.*)$
    | ^([A-Za-z_]\w*) \s+ (?:DEFAULT|OVERRIDE)= (.*)$                    # pam_environment
    """,
    re.VERBOSE,
)
_BESIDE: Final = re.compile(r"\b([A-Za-z_]\w*)=")  # export A=1 B=2


def lines_that_set(values: Mapping[str, str], home: str, folder: str) -> dict[str, Place]:
    """For each variable the line that gave it this value, if one did: the last that says just that, else the
    last that computes one. A line that sets another value did not."""
    found: dict[str, tuple[bool, Place]] = {}
    for path in _files(Path(home), Path(folder)):
        for number, line in enumerate(_lines(path), start=1):
            for name, text in _assignments(line):
                value = values.get(name)
                if value is None:
                    continue
                is_same = _plain(text) == value
                if is_same or (_plain(text) is None and not found.get(name, (False,))[0]):
                    found[name] = (is_same, Place(str(path), number))
    return {name: place for name, (_, place) in found.items()}


def _files(home: Path, folder: Path) -> Iterator[Path]:
    """Those that there are, in the order in which a later one wins."""
    yield from (Path(path) for path in _OF_MACHINE)
    with suppress(OSError):
        yield from sorted(_MORE.glob("*.sh"))
    yield from (home / name for name in _OF_USER)
    if folder.is_absolute():
        for above in reversed((folder, *folder.parents)):
            yield from (above / ".env", above / ".envrc")


def _lines(path: Path) -> Iterable[str]:
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_BYTES:
            return []
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _assignments(line: str) -> Iterator[tuple[str, str]]:
    """Names and what is written behind them, unevaluated."""
    if "=" not in line and "set" not in line:
        return
    matched = _ASSIGNMENT.match(line)
    if matched is None:
        return
    name, text = (group for group in matched.groups() if group is not None)
    beside = list(_BESIDE.finditer(text)) if line.lstrip().startswith("export") else []
    ends = [each.start() for each in beside if text[each.start() - 1 : each.start()].isspace()]
    yield name, text[: ends[0]] if ends else text
    for start, end in zip(ends, chain(ends[1:], [len(text)]), strict=False):
        other, _, rest = text[start:end].partition("=")
        yield other, rest


def _plain(text: str) -> str | None:
    """The value that is written there; None where the shell has to compute it."""
    if re.search(r"[$`]|^\s*~", text) and not re.fullmatch(r"\s*'[^']*'\s*(?:[;#].*)?", text):
        return None
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        return None
    if not words:
        return ""
    return words[0] if "'" in text or '"' in text else words[0].partition(";")[0]
