"""Where in the user's code something happened: which frames are the user's, a library's, or nobody's."""

from __future__ import annotations

import os

from .note_lines import command_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Tuple

    Place = Tuple[str, int, str]  # file, line, function

_USER, _LIBRARY, _CLIENT, _NOBODY = "user", "library", "client", "nobody"
_LONGEST = 8  # frames in a note
_DEEPEST = 400  # frames looked at
_PACKAGES = ("/site-packages/", "/dist-packages/")
# the client and what it is made of, where they are installed beside the user's own libraries
_OF_CLIENT = ("modal", "modal_proto", "synchronicity", "grpclib", "homeport", "click", "rich", "typer")
_OURS = os.path.dirname(__file__) + "/"
_STANDARD = os.path.dirname(os.__file__) + "/"


class Places:
    """Tells whose a file is. `client`: folders of the client. Where `needs_user`, what libraries do by
    themselves is nobody's: in the launcher most of them work for the client."""

    def __init__(self, client: tuple[str, ...], *, needs_user: bool) -> None:
        self._client = client
        self._needs_user = needs_user
        self._kinds: dict[str, str] = {}
        self._folder = _working_folder()  # of names of files that are relative
        self._is_typed = _is_typed(command_line())

    def is_by_client(self, frame: FrameType | None) -> bool:
        """Whether it is the client that does it, be it that the user's code called upon it."""
        for _ in range(_DEEPEST):
            if frame is None:
                break
            kind = self._kind(frame.f_code.co_filename)
            if kind is not _NOBODY:
                return kind is _CLIENT
            frame = frame.f_back
        return False

    def stack(self, frame: FrameType | None) -> tuple[list[Place], list[Place]]:
        """The user's frames, innermost first; and the one of a library that did it on their behalf, if one
        did. Without any frame of the user's, the library's are taken for them."""
        users: list[Place] = []
        libraries: list[Place] = []
        for _ in range(_DEEPEST):
            if frame is None or len(users) == _LONGEST:
                break
            code = frame.f_code
            kind = self._kind(code.co_filename)
            if kind is _USER:
                users.append((self._absolute(code.co_filename), frame.f_lineno, code.co_name))
            elif kind is _LIBRARY and not users and len(libraries) < _LONGEST:
                libraries.append((self._absolute(code.co_filename), frame.f_lineno, code.co_name))
            frame = frame.f_back
        return (users, libraries[:1]) if users or self._needs_user else (libraries, [])

    def is_installed(self, path: str) -> bool:
        """Whether a path is of Python's own, an installed package's or the client's."""
        return path.startswith((*self._client, _STANDARD, _OURS)) or any(part in path for part in _PACKAGES)

    def _kind(self, file: str) -> str:
        kind = self._kinds.get(file)
        if kind is None:
            kind = self._kinds[file] = self._find_kind(file)
        return kind

    def _find_kind(self, file: str) -> str:
        if file.startswith("<"):
            return _USER if file == "<stdin>" or (file == "<string>" and self._is_typed) else _NOBODY
        path = self._absolute(file)
        if path.startswith(_OURS):
            return _NOBODY
        if path.startswith(self._client):
            return _CLIENT
        for part in _PACKAGES:
            _, found, rest = path.partition(part)
            if found:
                package = rest.partition("/")[0].partition(".")[0]
                return _CLIENT if self._needs_user and package in _OF_CLIENT else _LIBRARY
        return _NOBODY if path.startswith(_STANDARD) else _USER

    def _absolute(self, file: str) -> str:
        if file.startswith(("/", "<")):
            return file
        return os.path.normpath(os.path.join(self._folder, file))


def is_harmless(error: BaseException) -> bool:
    """Whether taking notes raised it, and not a signal handler of the user's that was called meanwhile."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename if trace is not None else _OURS
    return file.startswith((_OURS, _STANDARD, "<frozen ")) and not any(part in file for part in _PACKAGES)


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return "/"


def _is_typed(words: list[str]) -> bool:
    """Whether the program is in the command line: `python -c PROGRAM`."""
    rest = iter(words[1:])
    for word in rest:
        if word in ("-X", "-W"):
            next(rest, None)
        elif not word.startswith("-") or word.startswith("--") or word == "-m":
            return False
        elif word.endswith("c"):
            return True
    return False
