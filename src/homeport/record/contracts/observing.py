"""What lines of output show: values by a contract's patterns, and by lines `::homeport name=value`."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from homeport.record.contracts.patterns import Pattern

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_COMMAND: Final = "::homeport "
_LONGEST: Final = 4096  # of a line that is judged
_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def observed(line: str, patterns: Sequence[Pattern]) -> Iterator[tuple[str, str]]:
    """Names and values that a line shows."""
    text = plain(line)
    if _COMMAND in text:
        yield from _reported(text.partition(_COMMAND)[2])
    for pattern in patterns:
        yield from pattern.shown(text)


def plain(line: str) -> str:
    """A line without colours, and of a progress bar's line what stands last."""
    if "\x1b" in line:
        line = _COLOURS.sub("", line)
    line = line.rstrip("\r\n")
    return (line.rpartition("\r")[2] if "\r" in line else line)[:_LONGEST]


def _reported(text: str) -> Iterator[tuple[str, str]]:
    """`train=3734 cache="/a folder"`: several in a line, quoted as in a shell."""
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is not closed
        words = text.split()
    for word in words:
        name, equals, value = word.partition("=")
        if equals and NAME.fullmatch(name):
            yield name, value
