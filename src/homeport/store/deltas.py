"""Delta folders: what one commit adds to a volume, in overlayfs's terms. Written once, then only read.

Deletions are character devices 0/0, which every user may make since Linux 5.8. `store/capture.py` fills a
delta with what a container wrote; `store/merge.py` joins deltas.
"""

# Plain strings: a Path for each entry costs more than the call.
# ruff: noqa: PTH101, PTH102, PTH104, PTH112, PTH211

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from homeport.store.overlay import OPAQUE_XATTR, OVERLAY_XATTRS, Overlay

_FICLONE = 0x40049409
_COPY_BYTES = 1 << 30
_FILE_READABLE = 0o400  # the engine itself has to be able to read what it keeps
_FOLDER_USABLE = 0o700


class Delta:
    """A delta folder in the making; `below` is the volume that it will lie on."""

    def __init__(self, folder: Path, below: Overlay, owner_uid: int | None) -> None:
        self.folder = folder
        self.entries = 0
        self.below = below
        self._owner = owner_uid
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        # the topmost folder's attributes are those that containers see at the mount point
        folder.chmod(0o755)
        self._own(str(folder))

    def path(self, parts: Sequence[str]) -> str:
        return "/".join((str(self.folder), *parts))

    def add_folder(self, parts: Sequence[str], mode: int | None = None) -> str:
        """Makes a folder and those above it, with the permissions that they have in the volume."""
        path = self.path(parts)
        if parts and not os.path.isdir(path):
            self.add_folder(parts[:-1])
            os.mkdir(path)
            self.entries += 1
            if mode is None:
                entry = self.below.lookup(parts)
                mode = stat.S_IMODE(entry.stat.st_mode) if entry is not None and entry.is_folder else 0o755
            os.chmod(path, mode | _FOLDER_USABLE)
            self._own(path)
        elif mode is not None and parts:
            os.chmod(path, mode | _FOLDER_USABLE)
        return path

    def take_file(self, staged: Path, parts: Sequence[str], mode: int) -> None:
        """Moves a complete file in; it has to lie on the same file system."""
        path = self._place(parts)
        os.rename(staged, path)
        os.chmod(path, mode & 0o7777 | _FILE_READABLE)
        self._own(path)

    def copy_file(self, source: int, parts: Sequence[str], found: os.stat_result, mode: int) -> None:
        """Copies an open file's content, times and attributes."""
        path = self._place(parts)
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            copy_file(source, target, found, mode)
            if self._owner is not None:
                os.fchown(target, self._owner, self._owner)
        finally:
            os.close(target)

    def link_file(self, first: Sequence[str], parts: Sequence[str]) -> None:
        """Another name of a file that this delta holds already."""
        os.link(self.path(first), self._place(parts))

    def link_from(self, path: str, parts: Sequence[str]) -> None:
        """Takes an entry of another delta, without a copy."""
        os.link(path, self._place(parts), follow_symlinks=False)

    def add_link(self, target: str, parts: Sequence[str]) -> None:
        """A symbolic link."""
        path = self._place(parts)
        os.symlink(target, path)
        self._own(path)

    def add_special(self, mode: int, parts: Sequence[str]) -> None:
        """A FIFO or a socket's name."""
        path = self._place(parts)
        os.mknod(path, mode)
        self._own(path)

    def delete(self, parts: Sequence[str]) -> None:
        """Makes a path not exist. Where nothing lies below, a whiteout would be listed by name, so none is
        made.
        """
        if self.below.lookup(parts) is None:
            return
        os.mknod(self._place(parts), stat.S_IFCHR, os.makedev(0, 0))

    def make_opaque(self, parts: Sequence[str]) -> None:
        """Has a folder of this delta hide what lies below it."""
        os.setxattr(self.path(parts), OPAQUE_XATTR, b"y")

    def _place(self, parts: Sequence[str]) -> str:
        self.add_folder(parts[:-1])
        self.entries += 1
        return self.path(parts)

    def _own(self, path: str) -> None:
        if self._owner is not None:
            os.lchown(path, self._owner, self._owner)


def copy_file(source: int, target: int, found: os.stat_result, mode: int) -> None:
    """Makes an open file like another in content, times and attributes."""
    copy_content(source, target, found.st_size)
    copy_xattrs(source, target)
    os.fchmod(target, mode & 0o7777 | _FILE_READABLE)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def copy_content(source: int, target: int, size: int) -> None:
    """Copies a file's content, by reference where the file system can, else within the kernel; holes stay
    holes.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
        return
    except OSError:
        pass
    position = 0
    while position < size:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
            end = os.lseek(source, position, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # only a hole is left
                raise
            break
        _copy_range(source, target, position, min(end, size))
        position = end
    os.ftruncate(target, size)


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        try:
            copied = os.copy_file_range(source, target, min(_COPY_BYTES, end - start), start, start)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            copied = os.pwrite(target, os.pread(source, 1 << 20, start)[: end - start], start)
        if copied == 0:  # the file became shorter meanwhile: the next commit sees it
            return
        start += copied


def copy_xattrs(source: int, target: int) -> None:
    """Copies a user's own extended attributes, not those of overlayfs."""
    try:
        names = os.listxattr(source)
    except OSError:
        return
    for name in names:
        if name.startswith("user.") and not name.startswith(OVERLAY_XATTRS):
            os.setxattr(target, name, os.getxattr(source, name))
