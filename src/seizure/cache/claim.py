"""One builder at a time for each shard, among any number of processes; a shard appears whole.

A builder holds a lock on the shard's unfinished file `<name>.shard.part`, fills it, and renames it. A
builder that dies, by kill -9 too, loses the lock by that; the file it leaves is filled anew by the next one.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


class BusyError(Exception):
    """Another process builds this shard right now."""


class Claim:
    """The right to write one shard: an open, locked, empty file, until `publish` makes it the shard."""

    def __init__(self, fd: int, part: Path, target: Path) -> None:
        self.fd = fd
        self._part = part
        self._target = target
        self.published = False

    @property
    def folder(self) -> Path:
        return self._target.parent

    def publish(self) -> None:
        """Makes what was written to `fd` the shard; a kill leaves the old or the new, never half of one.

        The samples are on the disk before the name is. The name itself may be lost when the power fails:
        then the shard is made again.
        """
        os.fsync(self.fd)
        self._part.replace(self._target)
        self.published = True


@contextmanager
def claimed(target: Path, *, is_alone: bool = False) -> Iterator[Claim]:
    """Raises BusyError at once where another process has the claim; leaves no file but by `publish`.

    With `is_alone` others are not asked: the last one to publish stays, which loses nothing but time.
    """
    part = target.with_name(target.name + ".part")
    fd, part = _open_own(part) if is_alone else _open_locked(part)
    claim = Claim(fd, part, target)
    try:
        yield claim
    finally:
        if not claim.published:
            part.unlink(missing_ok=True)  # our own unfinished file, while we still hold its lock
        os.close(fd)


def _open_locked(part: Path) -> tuple[int, Path]:
    while True:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise BusyError(part.name) from None
        except OSError as error:
            os.close(fd)
            if error.errno not in _NO_LOCKS:
                raise
            return _open_own(part)  # a file system without locks
        if _is_still(fd, part):
            os.ftruncate(fd, 0)
            return fd, part
        os.close(fd)  # its holder renamed or removed it between our open and our lock


def _open_own(part: Path) -> tuple[int, Path]:
    own = part.with_name(f"{part.name}-{os.uname().nodename}-{os.getpid()}")
    return os.open(own, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644), own


def _is_still(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """One process at a time, for the moment that it takes to read and replace a small file of `folder`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks: the last one to write stays
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
