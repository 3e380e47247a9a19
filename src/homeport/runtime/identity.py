"""The uid that containers have on this machine, and the ownership of what they write.

An ordinary user's containers run as that user. Root's containers run as CONTAINER_UID, which owns nothing
else, so that a container's root is never the host's root.
"""

import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from homeport.runtime import isolation

# in the range that systemd's assignment of uids (UIDs 1879048192 to 2147483647) leaves unused
CONTAINER_UID: Final = 1_900_000_000


def container_uid() -> int:
    """The uid (and gid) on this machine of a container's root."""
    return CONTAINER_UID if has_own_uid() else os.geteuid()


def has_own_uid() -> bool:
    """Whether containers have a uid of their own: as root, unless in a user namespace that lacks it, where
    root is an ordinary user outside. Without namespaces they have that of HOMEPORT_HOME."""
    return isolation.chosen() == isolation.NAMESPACES and _may_have_own_uid()


@functools.cache
def _may_have_own_uid() -> bool:
    if os.geteuid() != 0:
        return False
    lines = Path("/proc/self/uid_map").read_text(encoding="utf-8").splitlines()
    ranges = [(int(line.split()[0]), int(line.split()[2])) for line in lines]
    return any(first <= CONTAINER_UID < first + count for first, count in ranges)


def own(path: Path) -> None:
    """Gives a tree that containers read or write to the containers' uid; links are not followed.

    Nothing to do for an ordinary user, whose containers are that user.
    """
    if not has_own_uid():
        return
    _give(str(path))
    if path.is_symlink() or not path.is_dir():
        return
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            _give(f"{folder}/{name}")


def _give(path: str) -> None:
    if os.lstat(path).st_uid != CONTAINER_UID:
        os.lchown(path, CONTAINER_UID, CONTAINER_UID)


def remove_tree(path: Path) -> None:
    """Removes a tree; no error if it is gone. Folders without permissions, such as an overlay's work folder,
    are opened first."""

    def open_up(remove: Callable[..., Any], name: str, error: Any) -> None:
        if isinstance(error[1], FileNotFoundError):
            return
        Path(name).parent.chmod(0o700)
        if remove is os.unlink or remove is os.rmdir:
            remove(name)
        else:  # the folder could not be read
            Path(name).chmod(0o700)
            remove_tree(Path(name))

    shutil.rmtree(path, onerror=open_up)
