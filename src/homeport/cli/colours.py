"""Colours and width of the terminal that a command prints to: none where it is no terminal."""

import os
import re
import shutil
import sys
from typing import Any

import click

_WIDEST = 110
_COMMANDS = re.compile(r"\x1b(?!\[[0-9;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
_WIDTH_WITHOUT_TERMINAL = 110


def has_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def styled(text: str, **style: Any) -> str:
    """The text in click's style where there is colour."""
    return click.style(text, **style) if has_colour() else text


def echo(line: str = "") -> None:
    """Prints what may be of a container: of a terminal's commands only colours are left, the others could
    rewrite what stands there, or its title."""
    click.echo(_COMMANDS.sub("\ufffd", line))


def width() -> int:
    """How wide lines may be."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _WIDTH_WITHOUT_TERMINAL
    return min(_WIDEST, max(40, shutil.get_terminal_size().columns))
