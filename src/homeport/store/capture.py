"""What a container wrote to a volume since its last commit, put into a delta.

The container's upper folder is compared with a snapshot of what was committed of it: a file is new when its
change time, size, inode or modification time differ. Only those are copied, so two containers' commits keep
both their files, and for the same file the last one wins. The folder is somebody else's, who may be writing
in it: everything is opened name by name without following links.
"""

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from homeport.store.deltas import Delta
from homeport.store.overlay import Overlay, is_opaque, is_whiteout

Parts = tuple[str, ...]
Mark = list[int | str]  # of an entry: a letter for its kind, then what changes when it does
Snapshot = dict[str, Mark]  # path -> mark, of everything in the upper folder

_TICK_NS = 11_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass
class Capture:
    """One pass over an upper folder.

    `pinned` is what the container has below its upper folder. `is_settled` decides whether a changed file may
    be taken now; the others stay for the next pass.
    """

    delta: Delta
    pinned: Overlay
    before: Snapshot
    prefix: Parts = ()  # where in the volume the upper folder's top belongs
    is_settled: Callable[[os.stat_result], bool] = lambda found: True
    after: Snapshot = field(default_factory=dict)
    _links: dict[tuple[int, int], Parts] = field(default_factory=dict)

    def run(self, upper: Path) -> Snapshot:
        """Fills the delta and returns the snapshot that belongs to it."""
        fd = os.open(upper, _FOLDER)
        try:
            self._folder(fd, (), hides_below=False)
        finally:
            os.close(fd)
        self._deletions(str(upper))
        return self.after

    def _folder(self, fd: int, parts: Parts, *, hides_below: bool) -> None:
        names = sorted(os.listdir(fd))
        for name in names:
            try:
                found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue
            self._entry(fd, (*parts, name), found, hides_below=hides_below)
        if hides_below:
            # Below an opaque folder nothing of the lower ones is seen. Deleting just what this container saw
            # keeps what others put there since.
            self._hide(parts, set(names))

    def _entry(self, fd: int, parts: Parts, found: os.stat_result, *, hides_below: bool) -> None:
        path, name, mode = "/".join(parts), parts[-1], found.st_mode
        known = self.before.get(path)
        if stat.S_ISDIR(mode):
            with _opened(fd, name, _FOLDER, found) as below:
                if below is None:
                    return
                opaque = is_opaque(below)
                self.after[path] = ["d", stat.S_IMODE(mode), found.st_ino, int(opaque)]
                if known is None or known[:3] != self.after[path][:3]:
                    self.delta.add_folder(self.prefix + parts, stat.S_IMODE(mode))
                was_opaque = known is not None and known[0] == "d" and known[2:] == [found.st_ino, 1]
                is_new = known is None or known[2:3] != [found.st_ino]
                newly_hides = (opaque and not was_opaque) or (hides_below and is_new)
                self._folder(below, parts, hides_below=newly_hides)
        elif is_whiteout(found):
            self.after[path] = ["w"]
            if known is None or known[0] != "w":
                self.delta.delete(self.prefix + parts)
        elif stat.S_ISREG(mode):
            self._file(fd, parts, found, known)
        elif stat.S_ISLNK(mode):
            try:
                target = os.readlink(name, dir_fd=fd)
            except OSError:
                return
            self.after[path] = ["l", found.st_ino, target]
            if known != self.after[path]:
                self.delta.add_link(target, self.prefix + parts)
        elif stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            self.after[path] = ["o", found.st_ino]
            if known != self.after[path]:
                self.delta.add_special(mode, self.prefix + parts)

    def _file(self, fd: int, parts: Parts, found: os.stat_result, known: Mark | None) -> None:
        path = "/".join(parts)
        mark: Mark = ["f", found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns]
        if mark == known:
            self.after[path] = mark
            return
        if not self.is_settled(found):
            if known is not None:
                self.after[path] = known
            return
        found = _aged(fd, parts[-1], found)
        mark = ["f", found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns]
        inode = (found.st_dev, found.st_ino)
        first = self._links.get(inode)
        if first is not None and found.st_nlink > 1:
            self.delta.link_file(first, self.prefix + parts)
        else:
            with _opened(fd, parts[-1], _FILE, found) as source:
                if source is None:
                    return
                # the mark is from before the copy: a file that changes meanwhile is taken again the next time
                self.delta.copy_file(source, self.prefix + parts, found, stat.S_IMODE(found.st_mode))
            self._links[inode] = self.prefix + parts
        self.after[path] = mark

    def _hide(self, parts: Parts, names: set[str]) -> None:
        folder = self.pinned.lookup(parts)
        if folder is None or not folder.is_folder:
            return
        for entry in self.pinned.children(folder):
            if entry.parts[-1] not in names:
                self.delta.delete(self.prefix + entry.parts)

    def _deletions(self, upper: str) -> None:
        """Deletes what an earlier commit put into the volume and the container has removed since.

        overlayfs marks only the deletion of what lies below the upper folder.
        """
        for path, mark in self.before.items():
            if path in self.after or mark[0] == "w":
                continue
            if os.path.lexists(f"{upper}/{path}"):  # replaced while this pass went by: the next one takes it
                self.after[path] = mark
                continue
            parts = tuple(path.split("/"))
            if self._is_covered(parts) or os.path.lexists(self.delta.path(self.prefix + parts)):
                continue
            self.delta.delete(self.prefix + parts)

    def _is_covered(self, parts: Parts) -> bool:
        """Whether a folder above is gone too, or something else: its own entry deletes all that was in it."""
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            mark = self.after.get(above)
            if (mark is None and above in self.before) or (mark is not None and mark[0] != "d"):
                return True
        return False


def differs(upper: Path, snapshot: Snapshot) -> bool:
    """Whether anything in an upper folder is other than a snapshot says; stops at the first difference.

    Cheap, for the passes in the background that mostly find nothing. A guess: only `Capture` looks closely.
    """
    found = 0
    todo = [(str(upper), "")]
    while todo:
        folder, prefix = todo.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    found += 1
                    if _differs(entry, snapshot.get(prefix + entry.name)):
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        todo.append((entry.path, f"{prefix}{entry.name}/"))
        except OSError:  # it is changing right now, or nobody may list it
            return True
    return found != len(snapshot)


def _differs(entry: "os.DirEntry[str]", known: Mark | None) -> bool:
    if known is None:
        return True
    now = entry.stat(follow_symlinks=False)
    if known[0] == "f":
        return known[1:] != [now.st_mtime_ns, now.st_size, now.st_ino, now.st_ctime_ns]
    if known[0] == "d":
        return known[1:3] != [stat.S_IMODE(now.st_mode), now.st_ino]
    if known[0] == "w":
        return not is_whiteout(now)
    return known[1] != now.st_ino


def _aged(fd: int, name: str, found: os.stat_result) -> os.stat_result:
    """The state of a file once another write would change its times.

    A kernel's clock for files ticks up to every 10 ms: two writes within a tick look the same.
    """
    if time.time_ns() - found.st_ctime_ns > _TICK_NS:
        return found
    time.sleep(_TICK_NS / 1e9)
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return found


@contextmanager
def _opened(fd: int, name: str, flags: int, found: os.stat_result) -> Iterator[int | None]:
    """An entry of a folder; None where it has become something else. Its owner's permissions are no
    hindrance.
    """
    try:
        opened = os.open(name, flags, dir_fd=fd)
    except PermissionError:
        opened = _open_forbidden(fd, name, flags, found)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO):
            raise  # too many open files, say: not a reason to take the file for deleted
        yield None
        return
    try:
        yield opened if os.fstat(opened).st_ino == found.st_ino else None
    finally:
        os.close(opened)


def _open_forbidden(fd: int, name: str, flags: int, found: os.stat_result) -> int:
    """A container's root may write a file that it made unreadable; outside, the engine is an ordinary
    user.
    """
    os.chmod(name, stat.S_IMODE(found.st_mode) | 0o700, dir_fd=fd)
    try:
        return os.open(name, flags, dir_fd=fd)
    finally:
        os.chmod(name, stat.S_IMODE(found.st_mode), dir_fd=fd)
