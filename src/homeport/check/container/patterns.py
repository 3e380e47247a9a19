"""Ignore patterns as Modal's client reads them: those of a .dockerignore, with the client's own edges.

A path is ignored where the last pattern that speaks of it, or of a folder above it, is one without `!`. The
client reads a file of patterns line by line: a comment is a pattern, too. Paths are relative, with `/`.
"""

import posixpath
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_ESCAPED = frozenset(".+()|{}$")


@dataclass(frozen=True)
class Pattern:
    """One pattern; `is_exception` where it begins with `!`."""

    is_exception: bool
    matches: Callable[[str], bool]
    is_broken: bool = False


class Ignore:
    """Whether a path is ignored. As in the client, a pattern that is none (`is_broken`) raises ValueError
    when a path comes to it, and a lone `!` at once.
    """

    def __init__(self, patterns: Iterable[str], *, is_inverted: bool = False) -> None:
        self._patterns = tuple(_read(pattern) for pattern in patterns if pattern.strip().strip("/"))
        self._is_inverted = is_inverted
        self.is_broken = any(pattern.is_broken for pattern in self._patterns)
        # a folder that is ignored holds nothing that is kept
        self.can_prune = not is_inverted and not any(pattern.is_exception for pattern in self._patterns)

    def __call__(self, path: str) -> bool:
        return self._is_ignored(path) is not self._is_inverted

    def _is_ignored(self, path: str) -> bool:
        path = posixpath.normpath(path)
        if path == ".":
            return False
        parts = path.split("/")
        paths = ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]
        is_ignored = False
        for pattern in self._patterns:
            if pattern.is_exception == is_ignored and any(map(pattern.matches, paths)):
                is_ignored = not is_ignored
        return is_ignored


def _read(text: str) -> Pattern:
    text = posixpath.normpath(text.strip().strip("/"))
    if text == "!":
        raise ValueError('Illegal exclusion pattern: "!"')
    is_exception = text.startswith("!")
    pattern = text[1:] if is_exception else text
    try:
        return Pattern(is_exception, _matcher(pattern))
    except re.error:
        return Pattern(is_exception, _raiser(pattern), is_broken=True)


def _raiser(pattern: str) -> Callable[[str], bool]:
    def matches(path: str) -> bool:
        raise ValueError(f"Bad pattern: {pattern}")

    return matches


def _matcher(pattern: str) -> Callable[[str], bool]:
    """`**` at one end of an otherwise plain pattern compares ends of the text, not whole names."""
    expression, is_plain, at = "", True, 0
    if pattern.startswith("**") and pattern[2:3] != "/" and _is_plain(pattern[2:]):
        suffix = pattern[2:]
        return lambda path: path.endswith(suffix)
    if pattern.endswith("**") and _is_plain(pattern[:-2]) and "\\" not in pattern:
        prefix = pattern[:-2]
        return lambda path: path.startswith(prefix)
    while at < len(pattern):
        piece, taken, stays_plain = _piece(pattern, at)
        expression += piece
        is_plain = is_plain and stays_plain
        at += taken
    if is_plain:
        return lambda path: path == pattern
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `[[`, which is the user's to write
        compiled = re.compile(f"^{expression}$")
    return lambda path: compiled.match(path) is not None


def _is_plain(text: str) -> bool:
    """Whether a text has nothing but itself to match. A backslash at its end counts as a plain character."""
    return not any(character in "*?[]" for character in text) and "\\" not in text[:-1]


def _piece(pattern: str, at: int) -> tuple[str, int, bool]:
    """The expression for what stands at `at`, how many characters that are, whether it is plain text."""
    character = pattern[at]
    if pattern.startswith("**", at):
        taken = 3 if pattern.startswith("**/", at) else 2
        return (".*" if at + taken == len(pattern) else "(.*/)?"), taken, False
    if character == "*":
        return "[^/]*", 1, False
    if character == "?":
        return "[^/]", 1, False
    if character == "\\":
        following = pattern[at + 1 : at + 2]
        return (f"\\{following}", 2, False) if following else ("\\", 1, True)
    if character in "[]":
        return character, 1, False
    return (f"\\{character}" if character in _ESCAPED else character), 1, True
