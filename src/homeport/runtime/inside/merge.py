"""One plain tree out of a stack of layers, by copying: for machines that cannot mount an overlay.

Copies, never hard links: what is written to the copy, or done to its modes and times, must not reach a layer.
Where the file system can share blocks (btrfs, xfs), a copy costs nothing. Layers' marks are read as overlayfs
writes them with `userxattr`. Which trees belong together is for the callers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import Any

OPAQUE = "user.overlay.opaque"
_FICLONE = 0x40049409
_CHUNK = 1 << 24
_NO_CLONES = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS)


class Merge:
    """Copies a stack into a folder.

    `bound`, where given, is a limit in bytes: a folder whose own files are larger together, and that lies in
    one tree alone, is not copied but noted in `binds` (source, target), to be shown read-only. `keeps_marks`:
    names below which whiteouts and opaque folders are copied too, since something else lies under the result.
    """

    def __init__(self, *, bound: int | None = None, keeps_marks: tuple[str, ...] = ()) -> None:
        self.binds: list[tuple[str, str]] = []
        self._bound = bound
        self._keeps_marks = keeps_marks
        self._links: dict[tuple[int, int], str] = {}
        self._clones = True

    def run(self, trees: list[str], target: str, skip: frozenset[str] = frozenset()) -> None:
        """Merges `trees` (topmost first) into the empty folder `target`, without the names in `skip`."""
        self._fill(trees, target, skip, None)

    def copy(self, source: str, target: str) -> None:
        """Copies a file or link; those that were hard links of each other are so again."""
        self._entry(source, target, os.lstat(source))

    def _fill(self, sources: list[str], target: str, skip: frozenset[str], marks: bool | None) -> None:
        files, folders, whiteouts = _sort(sources, skip)
        for name, (source, found) in files.items():
            self._entry(source, "{}/{}".format(target, name), found)
        if marks:
            for name in whiteouts - set(files) - set(folders):
                os.mknod("{}/{}".format(target, name), stat.S_IFCHR, 0)
        for name, (parts, hides) in folders.items():
            below = name in self._keeps_marks if marks is None else marks
            self._folder(parts, "{}/{}".format(target, name), below, hides)

    def _folder(self, sources: list[str], target: str, marks: bool, hides: bool) -> None:
        found = os.stat(sources[0])
        os.mkdir(target, 0o700)
        if self._bound is not None and len(sources) == 1 and _own_bytes(sources[0]) > self._bound:
            self.binds.append((sources[0], target))
        else:
            self._fill(sources, target, frozenset(), marks and not hides)
        if marks and hides:
            os.setxattr(target, OPAQUE, b"y")
        os.chmod(target, stat.S_IMODE(found.st_mode))
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))

    def _entry(self, source: str, target: str, found: os.stat_result) -> None:
        if stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(source), target)
            os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)
        elif stat.S_ISREG(found.st_mode):
            self._file(source, target, found)
        elif stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            os.mknod(target, found.st_mode)
        # devices are none of an image's

    def _file(self, source: str, target: str, found: os.stat_result) -> None:
        inode = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and inode in self._links:
            os.link(self._links[inode], target)
            return
        reader = _open(source, found)
        try:
            writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                if found.st_size and not self._clone(reader, writer):
                    _copy(reader, writer, found.st_size)
                os.fchmod(writer, stat.S_IMODE(found.st_mode))
                os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
            finally:
                os.close(writer)
        finally:
            os.close(reader)
        if found.st_nlink > 1:
            self._links[inode] = target

    def _clone(self, reader: int, writer: int) -> bool:
        if not self._clones:
            return False
        try:
            fcntl.ioctl(writer, _FICLONE, reader)
            return True
        except OSError as error:
            if error.errno not in _NO_CLONES:
                raise
            self._clones = False  # this file system cannot
            return False


def remove(path: str) -> None:
    """Removes a file or a tree; no error if it is gone. Folders without permissions are opened first."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        os.chmod(path, 0o700)
        for name in os.listdir(path):
            remove("{}/{}".format(path, name))
        os.rmdir(path)
    except FileNotFoundError:
        pass


def is_opaque(folder: str) -> bool:
    try:
        return os.getxattr(folder, OPAQUE, follow_symlinks=False) == b"y"
    except OSError:
        return False


def is_whiteout(found: os.stat_result) -> bool:
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def _sort(sources: list[str], skip: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any], set[str]]:
    """What shows in a folder: files by name; folders with the parts they consist of and whether anything
    below the stack is hidden in them; whiteouts."""
    files: dict[str, tuple[str, os.stat_result]] = {}
    folders: dict[str, tuple[list[str], bool]] = {}
    closed = set(skip)
    whiteouts = set()
    for source in sources:
        with os.scandir(source) as entries:
            for entry in entries:
                name = entry.name
                if name in closed:
                    continue
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    hides = is_opaque(entry.path)
                    folders[name] = ([*folders.get(name, ([], False))[0], entry.path], hides)
                    if hides:
                        closed.add(name)
                    continue
                closed.add(name)
                if is_whiteout(found):
                    whiteouts.add(name)
                    if name in folders:
                        folders[name] = (folders[name][0], True)
                elif name not in folders:
                    files[name] = (entry.path, found)
    return files, folders, whiteouts


def _own_bytes(folder: str) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries if entry.is_file())


def _open(source: str, found: os.stat_result) -> int:
    """Its owner may read a file that is closed to itself."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(source, flags)
    except PermissionError:
        os.chmod(source, stat.S_IMODE(found.st_mode) | 0o400)
    try:
        return os.open(source, flags)
    finally:
        os.chmod(source, stat.S_IMODE(found.st_mode))


def _copy(reader: int, writer: int, size: int) -> None:
    """Holes stay holes."""
    os.ftruncate(writer, size)
    end = 0
    while True:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = os.lseek(reader, start, os.SEEK_HOLE)
        _copy_range(reader, writer, start, end)


def _copy_range(reader: int, writer: int, start: int, end: int) -> None:
    while start < end:
        try:
            done = os.copy_file_range(reader, writer, min(_CHUNK, end - start), start, start)
        except OSError as error:
            if error.errno not in _NO_CLONES:
                raise
            done = os.pwrite(writer, os.pread(reader, min(_CHUNK, end - start), start), start)
        if not done:  # it became shorter meanwhile
            return
        start += done
