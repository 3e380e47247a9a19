"""SHA256SUMS.txt: one digest and one path a line, as sha256sum writes them (PhysioNet: one space between)."""

import re
from pathlib import PurePosixPath

from training_kit.errors import FetchError

NAME = "SHA256SUMS.txt"
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]?(.+)")


def parse_sums(text: str) -> dict[str, str]:
    """Digest (lower case) by path. Raises FetchError for any other line, or a path that leads away."""
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.rstrip())
        if not match:
            raise FetchError(
                f"{NAME}, line {number}, is no digest and path: {line[:80]!r}; is the address right?"
            )
        path = match[2].strip().removeprefix("./")
        if not _is_below(path):
            raise FetchError(f"{NAME}, line {number}, names {path!r}, which lies outside the corpus's folder")
        sums[path] = match[1].lower()
    if not sums:
        raise FetchError(f"{NAME} is empty: is the address right?")
    return sums


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path).parts
    is_plain = bool(parts) and not path.startswith("/") and ".." not in parts and "\\" not in path
    # a name that begins with a dot could be the journal's own, and no corpus has one
    return is_plain and path == "/".join(parts) and not parts[0].startswith(".") and path.isprintable()
