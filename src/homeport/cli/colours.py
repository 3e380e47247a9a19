"""Colours and width of the terminal that a command prints to: none where it is no terminal."""

import os
import shutil
import sys
from typing import Any

import click

_WIDEST = 110
_WIDTH_WITHOUT_TERMINAL = 110


def has_colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def styled(text: str, **style: Any) -> str:
    """The text in click's style where there is colour."""
    return click.style(text, **style) if has_colour() else text


def width() -> int:
    """How wide lines may be."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return _WIDTH_WITHOUT_TERMINAL
    return min(_WIDEST, max(40, shutil.get_terminal_size().columns))
