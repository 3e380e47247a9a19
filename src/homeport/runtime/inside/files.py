"""Work on files that image builds do without any program of the image: copying, making folders, unpacking.

An image may have no shell and no `cp`, or another one than this machine's. The work is a dictionary, and its
places are folders that the image's own root and other trees are mounted at, or lie at. It runs in a
container's first process, on the engine's own Python, and prints what a build's log should show.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import posixpath
import re
import stat
import sys
from typing import Any, Callable

from .rooted import ArchiveError, Root, give

WRONG = 2  # exit status: the definition asks for what cannot be
FULL = 3  # no room
_PIECE = 8 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class WorkError(Exception):
    """A sentence for whoever wrote the definition."""


def prepare(work: dict[str, Any]) -> None:
    """Loads what the work needs of this Python's library, before a root without it is entered."""
    if work["kind"] == "image" or work.get("unpacks"):
        from . import unpack  # noqa: F401 - costs as much as a small copy


def perform(work: dict[str, Any]) -> int:
    """Does the work. Returns an exit status; the last line printed then says what is wrong."""
    os.umask(0)
    try:
        {"copy": _copy, "folder": _folder, "image": _image}[work["kind"]](work)
    except (WorkError, ArchiveError) as error:
        print(error, flush=True)
        return WRONG
    except OSError as error:
        where = " ({})".format(error.filename) if error.filename else ""
        print("{}{}".format(error.strerror or error, where), flush=True)
        return FULL if error.errno in _NO_ROOM else 1
    sys.stdout.flush()
    return 0


def _image(work: dict[str, Any]) -> None:
    from . import unpack

    unpack.unpack_image(work)


def _folder(work: dict[str, Any]) -> None:
    """A folder and those above it; what is there stays as it is."""
    root = Root(work["root"])
    _make_folders(root, work["path"], _owner(root, work.get("owner")))


def _copy(work: dict[str, Any]) -> None:
    """`sources`: [{"place", "name"}], a name being a path or pattern below the place; `target`: a path of the
    tree `root`, which means a folder where it ends in `/`."""
    root = Root(work["root"])
    found = []
    for source in work["sources"]:
        matches = _find(Root(source["place"], source.get("usr")), source["name"], source)
        if not matches:
            raise WorkError(
                "{} takes {!r}, which {} does not hold.".format(
                    work["verb"], source["name"], source["origin"]
                )
            )
        found.extend(matches)
    copier = _Copier(root, work)
    for place, path in found:
        copier.copy_source(place, path, is_one=len(found) == 1)


def _find(root: Root, name: str, how: dict[str, Any]) -> list[tuple[str, str]]:
    """(place, path) of what a name means: places to read, paths as they stand below the root."""
    clean = posixpath.normpath("/" + name)
    paths = ["/"]
    for part in clean.strip("/").split("/") if clean != "/" else []:
        paths = [
            posixpath.join(path, match)
            for path in paths
            for match in (_matches(root.resolve(path), part) if how["is_pattern"] else [part])
        ]
    found = [(root.resolve(path, follow_last=how["follows"]), path) for path in paths]
    return [(place, path) for place, path in found if os.path.lexists(place)]


def _matches(folder: str, part: str) -> list[str]:
    if not any(character in part for character in "*?["):
        return [part]
    if not os.path.isdir(folder):
        return []
    pattern = part.replace("[^", "[!")
    return sorted(name for name in os.listdir(folder) if fnmatch.fnmatchcase(name, pattern))


class _Copier:
    """Copies as Docker's COPY does: folders' contents, files over what is there, modes and times kept."""

    def __init__(self, root: Root, work: dict[str, Any]) -> None:
        self.root = root
        self.target = work["target"]
        self.mode = work.get("mode")
        self.owner = _owner(root, work.get("owner"))
        self.is_left_out = _exclusion(work.get("excludes", []))
        self.keeps_parents = work.get("keeps_parents", False)
        self.unpacks = work.get("unpacks", False)
        self.links: dict[tuple[int, int], str] = {}
        self.folders: list[tuple[str, int]] = []

    def copy_source(self, place: str, path: str, *, is_one: bool) -> None:
        into_folder = self.target.endswith("/") or not is_one
        target = posixpath.join(self.target, path.lstrip("/")) if self.keeps_parents else self.target
        if os.path.isdir(place) and not os.path.islink(place):
            end = _make_folders(self.root, target, self.owner)
            self._copy_folder(place, end, "")
            for folder, modified in reversed(self.folders):
                os.utime(folder, ns=(modified, modified))
            self.folders.clear()
            return
        if self.unpacks and self._unpack(place, target):
            return
        if self.keeps_parents:
            end = target
        elif into_folder or os.path.isdir(self.root.resolve(target)):
            end = posixpath.join(target, posixpath.basename(path))
        else:
            end = target
        if self.is_left_out(posixpath.basename(path)):
            return
        parent = _make_folders(self.root, posixpath.dirname(end.rstrip("/")), self.owner)
        self._copy_entry(place, posixpath.join(parent, posixpath.basename(end.rstrip("/"))), "")

    def _unpack(self, place: str, target: str) -> bool:
        """Whether it was an archive, which is unpacked then."""
        from . import unpack

        if not unpack.is_archive(place):
            return False
        unpack.unpack_archive(place, _make_folders(self.root, target, self.owner))
        return True

    def _copy_folder(self, source: str, target: str, below: str) -> None:
        for name in sorted(os.listdir(source)):
            path = posixpath.join(below, name)
            if not self.is_left_out(path):
                self._copy_entry(posixpath.join(source, name), posixpath.join(target, name), path)

    def _copy_entry(self, source: str, target: str, path: str) -> None:
        found = os.lstat(source)
        if stat.S_ISDIR(found.st_mode):
            self._copy_subfolder(source, target, path, found)
            return
        _clear(target)
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(source), target)
        elif stat.S_ISREG(found.st_mode):
            known = self.links.get((found.st_dev, found.st_ino)) if found.st_nlink > 1 else None
            if known is not None:
                os.link(known, target, follow_symlinks=False)
                return
            _copy_file(source, target)
            os.chmod(target, self.mode if self.mode is not None else stat.S_IMODE(found.st_mode))
            if found.st_nlink > 1:
                self.links[found.st_dev, found.st_ino] = target
        else:
            return  # sockets, devices: nothing that an image could use
        self._give(target)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)

    def _copy_subfolder(self, source: str, target: str, path: str, found: os.stat_result) -> None:
        real = self.root.resolve(
            self.root.inside(target)
        )  # a link to a folder, such as /lib, is gone through
        if not os.path.isdir(real):
            if os.path.lexists(real):
                raise WorkError("a folder cannot be copied over the file {}.".format(self.root.inside(real)))
            os.mkdir(real)
            os.chmod(real, self.mode if self.mode is not None else stat.S_IMODE(found.st_mode))
            self._give(real)
            self.folders.append((real, found.st_mtime_ns))
        self._copy_folder(source, real, path)

    def _give(self, target: str) -> None:
        if self.owner is not None:
            give(target, *self.owner)


def _copy_file(source: str, target: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    reader = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        writer = os.open(target, flags, 0o600)
        try:
            _pour(reader, writer)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _pour(reader: int, writer: int) -> None:
    try:
        while os.copy_file_range(reader, writer, _PIECE):
            pass
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    while piece := os.read(reader, _PIECE):  # the rest: all of it where the kernel cannot copy by itself
        while piece:
            piece = piece[os.write(writer, piece) :]


def _clear(target: str) -> None:
    """Makes room for a file. A folder is never replaced by one."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        raise WorkError("a file cannot be copied over the folder {}.".format(target))
    os.unlink(target)


def _make_folders(root: Root, path: str, owner: tuple[int, int] | None) -> str:
    """The place of a folder, made with those above it where they are missing."""
    place = root.resolve(path)
    missing = []
    while not os.path.isdir(place):
        if os.path.lexists(place):
            raise WorkError("{} is a file: there can be no folder.".format(root.inside(place)))
        missing.append(posixpath.basename(place))
        place = posixpath.dirname(place)
    while missing:
        place = posixpath.join(place, missing.pop())
        os.mkdir(place, 0o755)
        os.chmod(place, 0o755)
        if owner is not None:
            give(place, *owner)
    return place


def _exclusion(patterns: list[str]) -> Callable[[str], bool]:
    """Whether a path below a source is left out by Docker's patterns, `**` included."""
    if not patterns:
        return lambda path: False
    expressions = [re.compile(_expression(pattern)) for pattern in patterns]
    return lambda path: any(expression.fullmatch(path) for expression in expressions)


def _expression(pattern: str) -> str:
    result = ""
    at = 0
    clean = pattern.strip("/")
    while at < len(clean):
        if clean.startswith("**/", at):
            result, at = result + "(?:.*/)?", at + 3
        elif clean.startswith("**", at):
            result, at = result + ".*", at + 2
        elif clean[at] == "*":
            result, at = result + "[^/]*", at + 1
        elif clean[at] == "?":
            result, at = result + "[^/]", at + 1
        else:
            result, at = result + re.escape(clean[at]), at + 1
    return result + "(?:/.*)?"


def _owner(root: Root, text: str | None) -> tuple[int, int] | None:
    """uid and gid of USER or USER:GROUP, looked up in the image."""
    if not text:
        return None
    user, colon, group = text.partition(":")
    entry = _entry(root, "/etc/passwd", user)
    if not user.isdecimal() and entry is None:
        raise WorkError("the image knows no user {!r}: its /etc/passwd does not name it.".format(user))
    uid = int(user) if user.isdecimal() else int(entry[2]) if entry else 0
    if not colon:
        return uid, int(entry[3]) if entry and not user.isdecimal() else uid
    named = _entry(root, "/etc/group", group)
    if not group.isdecimal() and named is None:
        raise WorkError("the image knows no group {!r}: its /etc/group does not name it.".format(group))
    return uid, int(group) if group.isdecimal() else int(named[2]) if named else 0


def _entry(root: Root, path: str, name: str) -> list[str] | None:
    try:
        with open(root.resolve(path), encoding="utf-8", errors="replace") as file:
            lines = [line.rstrip("\n").split(":") for line in file]
    except FileNotFoundError:
        return None
    return next((fields for fields in lines if fields[0] == name and len(fields) > 3), None) or next(
        (fields for fields in lines if fields[0] == name and len(fields) > 2), None
    )
