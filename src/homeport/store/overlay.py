"""A stack of folders read as overlayfs shows it: upper entries hide lower ones, whiteouts delete, opaque
folders hide everything below.

Reading only. `store/deltas.py` writes such folders; a container sees the same through a real overlay mount.
"""

# Plain strings: a Path for each entry costs more than the call.
# ruff: noqa: PTH115, PTH116, PTH208

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homeport.model.errors import InvalidError
from homeport.store import beneath

OPAQUE_XATTR = "user.overlay.opaque"  # as written under the mount option `userxattr`
OVERLAY_XATTRS = "user.overlay."
_MAX_LINKS = 40


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of a volume as it is seen: `parts` from its top, `stat` of the uppermost."""

    parts: tuple[str, ...]
    stat: os.stat_result
    layer: int  # which folder of the stack it lies in, 0 is the topmost
    folders: tuple[tuple[int, str], ...] = field(
        default=(), repr=False
    )  # of a folder: (layer, path), from above

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.stat.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.stat.st_mode)

    @property
    def is_socket(self) -> bool:
        return stat.S_ISSOCK(self.stat.st_mode)


def is_whiteout(found: os.stat_result) -> bool:
    """Whether this marks a deletion: a character device 0/0."""
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == 0


def is_opaque(folder: str | int) -> bool:
    """Whether a folder (path or descriptor) hides what lies below it."""
    try:
        if isinstance(folder, int):
            return os.getxattr(folder, OPAQUE_XATTR) == b"y"
        return os.getxattr(folder, OPAQUE_XATTR, follow_symlinks=False) == b"y"
    except OSError:
        return False


class Overlay:
    """The merged view of a stack, topmost folder first. A single plain folder is a stack too."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.layers = tuple(str(folder) for folder in folders)

    @property
    def root(self) -> Entry:
        return Entry((), os.stat(self.layers[0]), 0, tuple(enumerate(self.layers)))

    def find(self, parts: Sequence[str], *, follow: bool = False) -> Entry | None:
        """The entry at a path; with `follow`, what a link at its end leads to. Folders on the way are
        followed.

        Raises InvalidError where a link leads out of the volume or in a circle.
        """
        trail = [self.root]
        todo = list(reversed(parts))
        links = 0
        while todo:
            name = todo.pop()
            if name == "..":  # of a link's target: those of a request are refused before
                if len(trail) == 1:
                    raise _outside("/".join(parts))
                trail.pop()
                continue
            if name in ("", "."):
                continue
            if not trail[-1].is_folder:
                return None
            entry = self.child(trail[-1], name)
            if entry is None:
                return None
            if entry.is_link and (todo or follow):
                links += 1
                target = self.link_target(entry)
                if target.startswith("/") or links > _MAX_LINKS:
                    raise _outside(entry.path, target)
                todo.extend(reversed(target.split("/")))
                continue
            trail.append(entry)
        return trail[-1]

    def lookup(self, parts: Sequence[str]) -> Entry | None:
        """The entry at a path, no link followed on the way either."""
        entry: Entry | None = self.root
        for name in parts:
            entry = self.child(entry, name) if entry is not None and entry.is_folder else None
        return entry

    def child(self, folder: Entry, name: str) -> Entry | None:
        """What a folder holds under a name."""
        top: tuple[int, os.stat_result] | None = None
        below: list[tuple[int, str]] = []
        for layer, path in folder.folders:
            real = f"{path}/{name}"
            try:
                found = os.lstat(real)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if is_whiteout(found):
                break
            if not stat.S_ISDIR(found.st_mode):
                if top is None:
                    return Entry((*folder.parts, name), found, layer)
                break
            top = top or (layer, found)
            below.append((layer, real))
            if is_opaque(real):
                break
        if top is None:
            return None
        return Entry((*folder.parts, name), top[1], top[0], tuple(below))

    def children(self, folder: Entry) -> Iterator[Entry]:
        """What a folder holds, by name."""
        names: set[str] = set()
        for layer, _ in folder.folders:
            try:
                with beneath.folder(self.layers[layer], folder.parts) as fd:
                    names.update(os.listdir(fd))
            except (FileNotFoundError, NotADirectoryError):  # a linked folder changes while it is read
                continue
        for name in sorted(names):
            entry = self.child(folder, name)
            if entry is not None:
                yield entry

    def walk(self, folder: Entry) -> Iterator[Entry]:
        """Everything below a folder, each folder before what it holds; links are not followed."""
        for entry in self.children(folder):
            yield entry
            if entry.is_folder:
                yield from self.walk(entry)

    def real_path(self, entry: Entry) -> str:
        """Where an entry lies on disk."""
        return "/".join((self.layers[entry.layer], *entry.parts))

    def link_target(self, entry: Entry) -> str:
        """What a symbolic link says."""
        return os.readlink(self.real_path(entry))

    def open(self, entry: Entry) -> int:
        """A descriptor to read a file, safe against links that appeared since. Raises OSError."""
        return beneath.open_file(self.layers[entry.layer], entry.parts)


def _outside(path: str, target: str = "") -> InvalidError:
    leads = f" to {target!r}" if target else ""
    return InvalidError(
        f"{path!r} is a symbolic link{leads} that leads out of the volume or in a circle, and is not "
        "followed. Name the file itself."
    )
