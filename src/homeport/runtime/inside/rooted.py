"""Paths of a tree that stands for a root file system: resolved as a process in it would see them.

A link to /etc in an image means the image's own /etc. So whoever reads or writes a tree from outside asks
here where a path really is, and gets no place outside of the tree, whatever the links in it say.
"""

from __future__ import annotations

import errno
import os
import stat

_MOST_LINKS = 40


class ArchiveError(Exception):
    """An archive that is broken, or tries to leave its tree."""


def give(path: str, uid: int, gid: int) -> None:
    """Changes an owner where this container has the ids; else the file stays its root's."""
    try:
        os.chown(path, uid, gid, follow_symlinks=False)
    except OSError:
        pass


class Root:
    """A tree at `path`, which may be `/`. `usr`: a folder that lies under its /usr."""

    def __init__(self, path: str, usr: str | None = None) -> None:
        self.path = path.rstrip("/")
        self.usr = usr

    def resolve(self, path: str, *, follow_last: bool = True) -> str:
        """The place of an absolute path of the tree; what does not exist is kept as it is named."""
        waiting = [part for part in path.split("/") if part not in ("", ".")][::-1]
        found: list[str] = []
        links = 0
        while waiting:
            part = waiting.pop()
            if part == "..":
                del found[-1:]
                continue
            found.append(part)
            if not waiting and not follow_last:
                break
            target = _link_target(self._place(found))
            if target is None:
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            found = [] if target.startswith("/") else found[:-1]
            waiting.extend([part for part in target.split("/") if part not in ("", ".")][::-1])
        return self._place(found)

    def inside(self, place: str) -> str:
        """The path in the tree of a place that `resolve` gave."""
        return place[len(self.path) :] or "/"

    def _place(self, parts: list[str]) -> str:
        place = "/".join([self.path, *parts]) or "/"
        if self.usr is not None and parts[:1] == ["usr"] and not os.path.lexists(place):
            return "/".join([self.usr, *parts[1:]])
        return place


def _link_target(place: str) -> str | None:
    try:
        if stat.S_ISLNK(os.lstat(place).st_mode):
            return os.readlink(place)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
    return None
