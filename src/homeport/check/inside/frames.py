"""Whose code a frame is, and where in its file it stands."""

from __future__ import annotations

import os
import sys
import sysconfig
from itertools import islice
from types import CodeType, FrameType, TracebackType
from typing import Any, Dict, List, Optional, Tuple

Place = List[Any]  # [path, line, column, end line, end column]: columns in UTF-8 bytes, as `ast` counts

Note = Dict[str, Any]  # what is noted of one call, read or failure, as JSON has it

INSIDE = os.path.dirname(os.path.abspath(__file__))


class Origins:
    """Tells the user's code from the client's and from libraries', by file."""

    def __init__(self, entry: str) -> None:
        paths = sysconfig.get_paths()
        names = ("stdlib", "platstdlib", "purelib", "platlib")
        self._entry = entry
        self._libraries = tuple({os.path.join(paths[name], "") for name in names})
        self._client: Tuple[str, ...] = ()
        self._known: Dict[str, str] = {}

    def set_client(self, *files: Optional[str]) -> None:
        """Takes the `__init__.py` files of the packages that are the client's."""
        self._client = tuple(os.path.join(os.path.dirname(file), "") for file in files if file)

    def of(self, file: str) -> str:
        """ "user", "client" or "library"."""
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self._find(file)
        return known

    def _find(self, file: str) -> str:
        if file == self._entry:
            return "user"
        if file.startswith((INSIDE, *self._client)):
            return "client"
        return "library" if file.startswith(("<", *self._libraries)) else "user"

    def user_frame(self, frame: Optional[FrameType]) -> Optional[FrameType]:
        """The innermost frame, from `frame` outwards, that is the user's."""
        while frame is not None and self.of(frame.f_code.co_filename) != "user":
            frame = frame.f_back
        return frame

    def user_place(self, frame: Optional[FrameType]) -> Optional[Place]:
        found = self.user_frame(frame)
        return None if found is None else place(found.f_code, found.f_lasti, found.f_lineno)

    def place_in_traceback(self, traceback: Optional[TracebackType]) -> Optional[Place]:
        """The last line of the user's in a traceback."""
        found = None
        while traceback is not None:
            if self.of(traceback.tb_frame.f_code.co_filename) == "user":
                found = traceback
            traceback = traceback.tb_next
        return None if found is None else place(found.tb_frame.f_code, found.tb_lasti, found.tb_lineno)

    def main_thread_place(self, identity: int) -> Optional[Place]:
        return self.user_place(sys._current_frames().get(identity))


def place(code: CodeType, instruction: int, line: Optional[int]) -> Place:
    """Where an instruction of `code` stands; without columns before Python 3.11."""
    path, line = os.path.abspath(code.co_filename), line or 1
    positions = getattr(code, "co_positions", None)
    found = next(islice(positions(), instruction // 2, None), None) if positions else None
    if found is None or None in found:
        return [path, line, 0, 0, 0]
    begin, end, column, end_column = found
    return [path, begin, column, end, end_column]
