"""Unpacks archives into a tree: an image's layers, whose marks delete what lower ones brought, and ADD's.

Nothing is written outside of the tree, whatever an archive's names and links say: an archive that tries is
refused. Devices are left out, since containers get their own; owners are kept as far as this container's ids
go.
"""

from __future__ import annotations

import importlib
import os
import posixpath
import shutil
import stat
import tarfile
import zlib
from typing import Any, BinaryIO

from .rooted import ArchiveError, Root, give

# loaded now: in a container's root there is no library of this Python's
_MODULES: dict[str, Any] = {}
_ERRORS: list[Any] = [tarfile.TarError, EOFError, ValueError, zlib.error]
for _name in ("gzip", "bz2", "lzma"):
    try:
        _MODULES[_name] = importlib.import_module(_name)
    except ImportError:  # this Python was built without it
        continue
    _ERRORS.append(
        getattr(_MODULES[_name], {"gzip": "BadGzipFile", "lzma": "LZMAError"}.get(_name, ""), ValueError)
    )

_MARK = ".wh."
_OPAQUE = ".wh..wh..opq"
_PIECE = 1 << 20
_BUFFER = 1 << 15  # the stream cuts it at every read
_FORMATS = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "lzma"))


def unpack_image(work: dict[str, Any]) -> None:
    """Unpacks an image's layers, lowest first, into one tree."""
    layers = work["layers"]
    for number, layer in enumerate(layers, 1):
        unpacker = Unpacker(work["root"], has_marks=True)
        unpacker.unpack(layer)
        print("Unpacked layer {} of {} ({} entries)".format(number, len(layers), unpacker.count), flush=True)


def unpack_archive(place: str, target: str) -> None:
    """Unpacks an archive that ADD names."""
    Unpacker(target, has_marks=False).unpack(place)


def is_archive(place: str) -> bool:
    """Whether ADD unpacks the file: what counts is its content, not its name."""
    try:
        with open(place, "rb") as file, _open(file):
            return True
    except (tarfile.TarError, EOFError, OSError):
        return False


class Unpacker:
    def __init__(self, root: str, *, has_marks: bool) -> None:
        self.root = Root(root)
        self.has_marks = has_marks
        self.count = 0
        self.made: set[str] = set()  # by this archive, or above such: its own marks do not delete them
        self.folders: dict[str, tuple[int, float]] = {}  # modes and times, set when nothing more is written
        self.parents: dict[str, str] = {}  # places of folders, until a link changes what they are

    def unpack(self, archive: str) -> None:
        """Raises ArchiveError."""
        try:
            with open(archive, "rb") as file, _open(file) as entries:
                for entry in entries:
                    self._unpack(entry, entries)
                    entries.members = []  # type: ignore[attr-defined]  # or it remembers every entry
        except tuple(_ERRORS) as error:
            raise ArchiveError("a layer cannot be unpacked: {}".format(error)) from None
        for place, (mode, modified) in reversed(list(self.folders.items())):
            if os.path.isdir(place) and not os.path.islink(place):
                os.chmod(place, mode)
                os.utime(place, (modified, modified))

    def _unpack(self, entry: tarfile.TarInfo, entries: tarfile.TarFile) -> None:
        path = _clean(entry.name)
        if path == "/":
            if entry.isdir():
                os.chmod(self.root.path or "/", stat.S_IMODE(entry.mode) | 0o700)
            return
        self.count += 1
        parent = self._parent(posixpath.dirname(path))
        name = posixpath.basename(path)
        if self.has_marks and name.startswith(_MARK):
            self._delete(parent, name)
            return
        place = posixpath.join(parent, name)
        if not self._make(entry, entries, place):
            return
        self._note_made(place)
        give(place, entry.uid, entry.gid)
        if entry.isdir():
            self.folders[place] = stat.S_IMODE(entry.mode) | 0o700, entry.mtime
            return
        if not entry.issym():
            # after the owner, whose change takes away setuid; an engine of an ordinary user has to read it
            os.chmod(place, stat.S_IMODE(entry.mode) | 0o400)
        os.utime(place, (entry.mtime, entry.mtime), follow_symlinks=False)

    def _note_made(self, place: str) -> None:
        while place not in self.made and len(place) > len(self.root.path):
            self.made.add(place)
            place = posixpath.dirname(place)

    def _make(self, entry: tarfile.TarInfo, entries: tarfile.TarFile, place: str) -> bool:
        """Whether there is now something new at the place whose mode and times are the entry's."""
        if entry.isdir():
            if not os.path.isdir(place) or os.path.islink(place):
                self._remove(place)
                os.mkdir(place, 0o755)
            return True
        if not (entry.isreg() or entry.issym() or entry.islnk() or entry.isfifo()):
            return False
        if entry.islnk():
            source = self._parent(posixpath.dirname(_clean(entry.linkname)))
            source = posixpath.join(source, posixpath.basename(entry.linkname))
            if source == place:
                return False
            self._remove(place)
            os.link(source, place, follow_symlinks=False)
            self._note_made(place)
            return False
        self._remove(place)
        if entry.issym():
            os.symlink(entry.linkname, place)
        elif entry.isfifo():
            os.mkfifo(place)
        else:
            self._write(entries.extractfile(entry), place, entry.size)
        return True

    def _write(self, source: Any, place: str, size: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(place, flags, 0o600), "wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
            if target.tell() != size:
                raise ArchiveError("a layer ends in the middle of {}".format(self.root.inside(place)))

    def _parent(self, path: str) -> str:
        known = self.parents.get(path)
        if known is None:
            known = self.root.resolve(path)
            if os.path.lexists(known) and not os.path.isdir(known):
                os.unlink(known)
                self.parents.clear()
            os.makedirs(known, 0o755, exist_ok=True)
            self.parents[path] = known
        return known

    def _delete(self, parent: str, name: str) -> None:
        """What a mark says: one entry, or all that lower layers have in the folder."""
        if name == _OPAQUE:
            self._empty(parent)
        elif not name.startswith(_MARK + _MARK):
            target = _clean(name[len(_MARK) :])
            place = posixpath.join(parent, posixpath.basename(target))
            if target != "/" and place not in self.made:
                self._remove(place)

    def _empty(self, folder: str) -> None:
        for name in os.listdir(folder):
            place = posixpath.join(folder, name)
            if place not in self.made:
                self._remove(place)
            elif os.path.isdir(place) and not os.path.islink(place):
                self._empty(place)

    def _remove(self, place: str) -> None:
        try:
            found = os.lstat(place)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(place)
            self.parents.clear()
        else:
            os.unlink(place)
            if stat.S_ISLNK(found.st_mode):
                self.parents.clear()


def _clean(name: str) -> str:
    """An entry's name as an absolute path of the tree. Raises ArchiveError for one that leaves it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ArchiveError("a layer holds a path that leads out of the image: {!r}".format(name))
    return "/" + "/".join(parts)


def _open(file: BinaryIO) -> tarfile.TarFile:
    """A stream of entries, whatever the compression. Raises TarError for what is no archive."""
    start = file.read(6)
    file.seek(0)
    kind = next((name for mark, name in _FORMATS if start.startswith(mark)), "")
    if kind and kind not in _MODULES:
        raise tarfile.ReadError("this machine's Python was built without {}".format(kind))
    stream: Any = _MODULES[kind].open(file) if kind else file
    return tarfile.open(fileobj=stream, mode="r|", errorlevel=2, bufsize=_BUFFER)
