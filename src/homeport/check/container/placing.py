"""Where the launcher's files lie in a container, and what else is known of its file system.

Nothing is listed beforehand: a path is looked up on the launcher's disk when somebody asks for it, so that
a folder of 100,000 files costs nothing. As the client ships files only, a folder is there if a file in it is.
"""

import os
import posixpath
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal

from homeport.check.container.patterns import Ignore
from homeport.check.facts import Placed
from homeport.check.values import Site, Unknown

Origin = Literal["entry", "package", "add_local", "volume", "image", "workdir"]

# What any image has, and what lies below: a base's own files, or nothing.
_SYSTEM = (
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "proc",
    "run",
    "sbin",
    "sys",
    "usr",
    "var",
)
_EMPTY = ("home", "media", "mnt", "opt", "root", "srv", "tmp")
_PLATFORM = ("__modal", "pkg")
# what is listed of a data set at most; what lies at a path is told all the same
_MOST_FILES = 5000
_MOST_IN_FOLDER = 1000


@dataclass(frozen=True, eq=False)
class Piece:
    """A file or folder of the launcher's at its place. `ignores` takes a path relative to the folder; where
    it is Unknown, any file may be left out.
    """

    target: str
    source: Path
    by: Site | None
    origin: Origin
    is_folder: bool = False
    ignores: Callable[[str], bool] | Unknown | None = None
    _links: dict[str, bool] = field(default_factory=dict, repr=False)
    _filled: dict[str, bool] = field(default_factory=dict, repr=False)

    def find(self, path: str) -> Placed | Unknown | None:
        """What this puts at a path; None if nothing."""
        if path == self.target and not self.is_folder:
            return self._placed("", "file") if self.source.is_file() else None
        if self.target == path or _is_below(self.target, path):
            return self._ancestor(path)
        if not self.is_folder or not _is_below(path, self.target):
            return None
        rest = path[len(self.target.rstrip("/")) + 1 :]
        if self._is_behind_link(posixpath.dirname(rest)):
            return None  # the client does not follow links to folders
        local = self.source / rest
        if local.is_file():
            return self._kept(rest)
        if local.is_dir() and not local.is_symlink() and self._has_files(rest):
            return self._placed(rest, "folder")
        return None

    def files(self, folder: str) -> Iterator[Placed]:
        """The files that this puts into a folder of the container, at any depth."""
        if not self.is_folder:
            if _is_below(self.target, folder) and self.source.is_file():
                yield self._placed("", "file")
            return
        if self.target == folder or _is_below(self.target, folder):
            rest = ""
        elif _is_below(folder, self.target):
            rest = folder[len(self.target.rstrip("/")) + 1 :]
        else:
            return
        if not self._is_behind_link(rest):
            for name in self._walk(rest):
                yield self._placed(name, "file")

    def _ancestor(self, path: str) -> Placed | None:
        is_there = self._has_files("") if self.is_folder else self.source.is_file()
        source = self.source if path == self.target else None
        return Placed(PurePosixPath(path), "folder", source, self.by, self.origin) if is_there else None

    def _kept(self, rest: str) -> Placed | Unknown | None:
        if isinstance(self.ignores, Unknown):
            return Unknown(f"it may be left out: {self.ignores.why}", self.ignores.site)
        return None if self.ignores is not None and self.ignores(rest) else self._placed(rest, "file")

    def _placed(self, rest: str, kind: Literal["file", "folder"]) -> Placed:
        target = PurePosixPath(self.target)
        source = self.source / rest if rest else self.source
        return Placed(target / rest if rest else target, kind, source, self.by, self.origin)

    def _is_behind_link(self, folder: str) -> bool:
        if not folder:
            return False
        if folder not in self._links:
            above = posixpath.dirname(folder)
            self._links[folder] = self._is_behind_link(above) or (self.source / folder).is_symlink()
        return self._links[folder]

    def _has_files(self, folder: str) -> bool:
        if folder not in self._filled:
            self._filled[folder] = self._holds(folder)
        return self._filled[folder]

    def _holds(self, folder: str) -> bool:
        """Whether a folder has a file that is kept, at any depth; stops at the first."""
        ignores = self.ignores if callable(self.ignores) else None
        prunes = isinstance(ignores, Ignore) and ignores.can_prune
        deeper: list[str] = []
        try:
            with os.scandir(self.source / folder) as entries:
                for entry in entries:
                    rest = posixpath.join(folder, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        deeper.append(rest)
                    elif (ignores is None or not ignores(rest)) and _is_file(entry):
                        return True
        except OSError:
            return False
        return any(
            self._holds(rest) for rest in deeper if not (prunes and ignores is not None and ignores(rest))
        )

    def _walk(self, folder: str) -> Iterator[str]:
        """The files that are kept, by paths relative to `source`, the nearest first. Where that is not known,
        all of them; of very many, some.
        """
        ignores = self.ignores if callable(self.ignores) else None
        prunes = isinstance(ignores, Ignore) and ignores.can_prune
        waiting, count = deque([folder]), 0
        while waiting and count < _MOST_FILES:
            above = waiting.popleft()
            for entry in self._entries(above):
                rest = posixpath.join(above, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if not (prunes and ignores is not None and ignores(rest)):
                        waiting.append(rest)
                elif (ignores is None or not ignores(rest)) and _is_file(entry):
                    count += 1
                    yield rest

    def _entries(self, folder: str) -> "list[os.DirEntry[str]]":
        try:
            with os.scandir(self.source / folder) as entries:
                return sorted(islice(entries, _MOST_IN_FOLDER), key=lambda entry: entry.name)
        except OSError:
            return []


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/") and path != folder


@dataclass
class Files:
    """A container's file system. `unknown` are folders of which the contents cannot be told, "/" where that
    is so of any.
    """

    pieces: list[Piece] = field(default_factory=list)
    made: dict[str, Placed] = field(default_factory=dict)
    unknown: dict[str, Unknown] = field(default_factory=dict)
    volumes: dict[str, tuple[Placed, Unknown]] = field(default_factory=dict)
    _found: dict[str, Placed | Unknown | None] = field(default_factory=dict, repr=False)
    _below: dict[str, tuple[Placed, ...]] = field(default_factory=dict, repr=False)

    def copied(self) -> "Files":
        return Files([*self.pieces], dict(self.made), dict(self.unknown), dict(self.volumes))

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self._found.clear()
        self._below.clear()

    def make_folder(self, path: str, by: Site | None, origin: Origin) -> None:
        self.made[path] = Placed(PurePosixPath(path), "folder", None, by, origin)
        self._found.clear()

    def make_file(self, path: str, by: Site | None) -> None:
        self.made[path] = Placed(PurePosixPath(path), "file", None, by, "image")
        self._found.clear()

    def leave_open(self, path: str, why: Unknown) -> None:
        """From a folder on, anything may be there."""
        self.unknown.setdefault(path, why)
        self._found.clear()

    def mount(self, path: str, by: Site | None, contents: Unknown) -> None:
        """A Volume's place, of which the contents are not known."""
        self.volumes[path] = (Placed(PurePosixPath(path), "folder", None, by, "volume"), contents)

    def at(self, path: str) -> Placed | Unknown | None:
        """What lies at an absolute path that is normalised."""
        if path not in self._found:
            self._found[path] = self._find(path)
        return self._found[path]

    def below(self, folder: str) -> Iterable[Placed]:
        if folder not in self._below:  # several rules ask, and each time all files would be looked at
            self._below[folder] = tuple(self._files_below(folder))
        return self._below[folder]

    def _files_below(self, folder: str) -> Iterator[Placed]:
        seen: set[PurePosixPath] = set()
        for piece in reversed(self.pieces):
            for placed in piece.files(folder):
                if placed.path not in seen:
                    seen.add(placed.path)
                    yield placed

    def _find(self, path: str) -> Placed | Unknown | None:
        for mount, (placed, contents) in self.volumes.items():
            if path == mount:
                return placed
            if _is_below(path, mount):
                return contents
        perhaps: Placed | Unknown | None = None
        for piece in reversed(self.pieces):
            found = piece.find(path)
            if isinstance(found, Placed):
                return found
            perhaps = perhaps or found
        return perhaps or self._other(path)

    def _other(self, path: str) -> Placed | Unknown | None:
        if path in self.made:
            return self.made[path]
        for folder, placed in (
            *self.made.items(),
            *((key, placed) for key, (placed, _) in self.volumes.items()),
        ):
            if _is_below(folder, path):
                return Placed(PurePosixPath(path), "folder", None, placed.by, placed.origin)
        parts = path.split("/")[1:]
        if path == "/" or (len(parts) == 1 and parts[0] in (*_SYSTEM, *_EMPTY, *_PLATFORM)):
            return Placed(PurePosixPath(path), "folder", None, None, "image")
        for folder, why in self.unknown.items():
            if path == folder or _is_below(path, folder):
                return why
        if parts[0] in _SYSTEM or (parts[0] == "root" and parts[1].startswith(".")):
            return Unknown(f"/{parts[0]} has files of the image's base")
        if parts[0] in _PLATFORM:
            return Unknown("Modal's client lies there")
        return None
