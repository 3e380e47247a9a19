"""apt's part of a shell command: which packages it wants, and what is left of the command without it.

A step is never run with apt, which would have to write into this machine's userland. Whether the userland has
what is wanted is for userland.py to say, and what follows for system_packages.py.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

_APT = re.compile(
    r"(?:^|[\s;&|(`/'\"])(?:dpkg\s+(?:-i|--install)\s|(?:apt-get|apt|aptitude)\s+(?:-\S+\s+(?:\S+=\S*\s+)?)*"
    r"(?:install|update|upgrade|dist-upgrade|full-upgrade|build-dep|satisfy|remove|purge|autoremove)\b)"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_REDIRECTION = re.compile(r"(\d*|&)[<>]")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+~:*-]+)?")
_PROGRAMS = ("apt-get", "apt", "aptitude")
_HOUSEKEEPING = ("update", "clean", "autoclean", "autoremove")
_WITH_VALUE = ("-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file")


@dataclass(frozen=True)
class AptUse:
    """What a command wants of apt. `rest` is the command with each of apt's commands replaced by `true`,
    empty where nothing else is in it."""

    packages: tuple[str, ...]  # as they were written: NAME, NAME:ARCHITECTURE, NAME=VERSION
    rest: str
    is_understood: bool  # False: apt is asked for something other than to install packages by name


@dataclass
class _Found:
    packages: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    has_others: bool = False


def find_apt(command: str) -> AptUse | None:
    """None for a command without apt."""
    if not _APT.search(command):
        return None
    found = _Found()
    for piece, is_operator in _simple_commands(command):
        wanted = None if is_operator or not piece.strip() else _packages(piece)
        if wanted is None:
            found.pieces.append(piece)
            found.has_others |= not is_operator and not _is_cleaning(piece)
        else:
            found.packages.extend(name for name in wanted if name not in found.packages)
            found.pieces.append(" true ")
    rest = "".join(found.pieces).strip()
    understood = not _APT.search(rest) and all(_PACKAGE.fullmatch(name) for name in found.packages)
    return AptUse(tuple(found.packages), rest if found.has_others else "", understood)


def _simple_commands(command: str) -> Iterator[tuple[str, bool]]:
    """The command's text in pieces that join to it: simple commands, and (True) what stands between them."""
    piece, quote, position = "", "", 0
    while position < len(command):
        character = command[position]
        if character == "\\" and quote != "'":
            piece += command[position : position + 2]
            position += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character in ";|()\n" or (character == "&" and not _is_redirection(command, position)):
            yield piece, False
            yield character, True
            piece, position = "", position + 1
            continue
        piece += character
        position += 1
    yield piece, False


def _is_redirection(command: str, position: int) -> bool:
    """Whether the & at this position is part of >&1 or &>FILE."""
    return command[position - 1 : position] in ("<", ">") or command[position + 1 : position + 2] == ">"


def _packages(piece: str) -> list[str] | None:
    """The packages that a simple command installs; None for another command than apt's to do so."""
    words = _words(piece)
    if not words or words[0].rpartition("/")[2] not in _PROGRAMS:
        return None
    arguments = _without_options(words[1:])
    if arguments[:1] == ["install"]:
        return arguments[1:]
    return [] if len(arguments) == 1 and arguments[0] in _HOUSEKEEPING else None


def _words(piece: str) -> list[str]:
    """Without variables that are set before it, sudo, redirections."""
    try:
        words = shlex.split(piece)
    except ValueError:
        return []
    while words and (_ASSIGNMENT.match(words[0]) or words[0] in ("sudo", "env", "-E")):
        words = words[1:]
    kept: list[str] = []
    skips = False
    for word in words:
        redirection = _REDIRECTION.match(word)
        if redirection:
            skips = word.rstrip("&").endswith(("<", ">")) and not word.endswith("&-")
        elif skips:
            skips = False
        else:
            kept.append(word)
    return kept


def _without_options(words: list[str]) -> list[str]:
    kept: list[str] = []
    skips = False
    for word in words:
        if skips:
            skips = False
        elif word in _WITH_VALUE:
            skips = True
        elif not word.startswith("-"):
            kept.append(word)
    return kept


def _is_cleaning(piece: str) -> bool:
    """Whether it does nothing but remove apt's lists, as many images do after it, or is empty."""
    words = _words(piece)
    if not words or words == ["true"]:
        return True
    return words[0] == "rm" and all(_is_apt_list(word) for word in words[1:])


def _is_apt_list(word: str) -> bool:
    return word.startswith(("-", "/var/lib/apt/lists", "/var/cache/apt"))
