"""Notes of files: configuration files when they are first opened, and how many files of each folder were.

A dataset may have one folder for each file. Where a process uses more folders than can be told apart, those
that lie deepest are counted as part of the folders that hold them.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .note_lines import NoteFile
    from .note_places import Place, Places

_CONFIGURATION = frozenset(["yaml", "yml", "json", "toml", "ini", "cfg", "conf", "env", "properties"])
_PROGRAMS = frozenset(["py", "pyc", "so"])
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_MOST_FOLDERS = 400  # told apart
_MOST_NAMES = 20000  # of folders, remembered with the folder that they are counted in
_MOST_CONFIGURATIONS = 50  # of one folder: where there are more, they are data
_MOST_FILES = 300_000  # remembered, to count each once
_TOLD_AGAIN_S = 1.0  # a process that is killed has told what it did until then


class Folder:
    """What was opened in a folder; with `is_below`, in folders below it too."""

    def __init__(self, path: str, is_below: bool = False) -> None:
        self.path = path
        self.is_below = is_below
        self.read: set[int] = set()  # hashes of folder and name
        self.written: set[int] = set()
        self.configurations = 0
        self.told = 0
        self.told_at = 0.0

    @property
    def count(self) -> int:
        return len(self.read) + len(self.written)


class Files:
    """Hears of every file that this process opens."""

    def __init__(self, notes: NoteFile, places: Places) -> None:
        self._notes = notes
        self._places = places
        self._ignored = (*_NO_FILES, os.path.dirname(notes.path) + "/")
        self.reset()

    def reset(self) -> None:
        """In a fork: nothing of what its parent opened."""
        # as the program names it: what it is counted in and the hash of its path; None: of no interest
        self._names: dict[str, tuple[Folder, int] | None] = {}
        self._folders: dict[str, Folder] = {}
        self._configurations: set[tuple[str, str]] = set()
        self._remembered = 0
        self._depth = 0  # folders deeper than this are counted above; 0: none are

    def opened(self, path: Any, mode: Any, flags: Any) -> None:
        """Called for each open, before it happens: short."""
        if path.__class__ is not str:
            if not isinstance(path, (bytes, os.PathLike)):
                return  # a descriptor
            path = os.fsdecode(path)
        head, slash, name = path.rpartition("/")
        try:
            found = self._names[head]
        except KeyError:
            found = self._find(head, slash, mode)
        if found is None:
            return
        extension = name.rpartition(".")[2]
        if extension in _PROGRAMS:
            return
        folder, place = found
        opened = hash(name) ^ place
        files = folder.written if flags & os.O_ACCMODE else folder.read
        if opened in files:
            return
        if extension in _CONFIGURATION:
            self._configuration(folder, name, head, "w" if files is folder.written else "r")
        if self._remembered < _MOST_FILES:
            self._remembered += 1
            files.add(opened)
            count = len(folder.read) + len(folder.written)
            if count >= 2 * folder.told or time.monotonic() > folder.told_at + _TOLD_AGAIN_S:
                self._tell(folder)

    def moved(self, *_: Any) -> None:
        """The working folder changes: relative names mean others."""
        self._names = {name: found for name, found in self._names.items() if name.startswith("/")}

    def finish(self) -> None:
        for folder in list(self._folders.values()):
            if folder.count > folder.told:
                self._tell(folder, with_place=False)

    def _find(self, head: str, slash: str, mode: Any) -> tuple[Folder, int] | None:
        if not head.startswith("/") and mode is None and not (slash and not head):
            return None  # by os.open: it may be relative to a descriptor
        path = head or "/" if slash else ""
        path = os.path.normpath(os.path.join(os.getcwd(), path))
        if len(self._names) > _MOST_NAMES:
            self._names.clear()
        found = None if self._is_ignored(path + "/") else (self._folder(path), hash(path))
        self._names[head] = found
        return found

    def _is_ignored(self, path: str) -> bool:
        return (
            path.startswith(self._ignored)
            or path.endswith("/__pycache__/")
            or self._places.is_installed(path)
        )

    def _folder(self, path: str) -> Folder:
        if self._depth and path.count("/") > self._depth:
            path = "/".join(path.split("/")[: self._depth + 1])
        folder = self._folders.get(path)
        if folder is None:
            folder = self._folders[path] = Folder(path, path.count("/") == self._depth)
            if len(self._folders) > _MOST_FOLDERS:
                self._join()
                return self._folder(path)
        return folder

    def _join(self) -> None:
        """Counts those that lie deepest as part of those that hold them, until they are few."""
        while len(self._folders) > _MOST_FOLDERS // 2:
            deepest = max(path.count("/") for path in self._folders)
            if deepest <= 1:
                break
            self._depth = deepest - 1
            for path in [path for path in self._folders if path.count("/") == deepest]:
                folder = self._folders.pop(path)
                above = path.rpartition("/")[0]
                into = self._folders.setdefault(above, Folder(above))
                into.read |= folder.read
                into.written |= folder.written
            for path, folder in self._folders.items():
                folder.is_below = folder.is_below or path.count("/") == self._depth
        self._names = {}

    def _tell(self, folder: Folder, *, with_place: bool = True) -> None:
        folder.told = folder.count
        folder.told_at = time.monotonic()
        stack: list[Place] = []
        if with_place:
            frame = sys._getframe(1)
            stack = [] if self._places.is_by_client(frame) else self._places.stack(frame)[0]
            if not stack:
                return
        self._notes.write(
            "folder",
            stack,
            path=folder.path,
            how="below" if folder.is_below else "",
            read=len(folder.read),
            written=len(folder.written),
        )

    def _configuration(self, folder: Folder, name: str, head: str, how: str) -> None:
        path = os.path.join(os.getcwd(), head, name) if head else os.path.join(os.getcwd(), name)
        path = os.path.normpath(path)
        if how == "r" and not os.path.exists(path):
            how = "missing"
        if (path, how) in self._configurations or folder.configurations >= _MOST_CONFIGURATIONS:
            return
        frame = sys._getframe(1)
        stack, library = self._places.stack(frame)
        if not stack or self._places.is_by_client(frame):
            return
        folder.configurations += 1
        self._configurations.add((path, how))
        self._notes.write("open", stack, path=path, how=how, library=library)
