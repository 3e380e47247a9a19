"""Mounts that containers are made of: overlays, binds, small file systems; each a detached mount first.

A detached mount is a descriptor; `attach` puts it at a path. Made so, a mount can be prepared in one mount
namespace and attached in another, which is how a running container is shown a newer volume. What a
container's root consists of is for root.py.
"""

from __future__ import annotations

import errno
import os

from . import kernel

SCRATCH = "scratch"  # a folder below the stage where an overlay is attached for a moment on older kernels


def overlay(
    lowers: list[str],
    upper: str | None = None,
    work: str | None = None,
    *,
    scratch: str | None = None,
    volatile: bool = False,
) -> int:
    """A detached overlay of `lowers` (topmost first), read-only without `upper`; `upper` itself where nothing
    lies below it.

    `volatile`: what is written need not survive a power failure, and the end of the mount does not wait for
    the disk. `scratch` is an empty folder, needed on kernels before 6.8 where the layers' names do not fit.
    """
    if upper is None and len(lowers) == 1:  # an overlay needs two layers
        return bind(lowers[0], read_only=True)
    if upper is not None and not lowers:
        return bind(upper)
    opened: list[int] = []

    def name(path: str) -> str:
        # the descriptor's name is short (options hold 4 KiB), has no colon, and shows no path of this machine
        opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        return "/proc/self/fd/{}".format(opened[-1])

    try:
        below = [name(path) for path in lowers]
        above = [] if upper is None else [("upperdir", name(upper)), ("workdir", name(work or ""))]
        flags = ["userxattr"] + (["volatile"] if volatile and upper is not None else [])
        return _overlay(below, above, flags, scratch)
    finally:
        for number in opened:
            os.close(number)


def _overlay(below: list[str], above: list[tuple[str, str]], flags: list[str], scratch: str | None) -> int:
    options: list[tuple[str, str | None]] = [(flag, None) for flag in flags]
    options += above
    try:
        return kernel.new_filesystem("overlay", [("lowerdir+", path) for path in below] + options)
    except OSError as error:
        if error.errno != errno.EINVAL or scratch is None:
            raise
        first = error
    try:
        return _overlay_by_mount(below, above, flags, scratch)
    except OSError:
        raise first from None


def _overlay_by_mount(below: list[str], above: list[tuple[str, str]], flags: list[str], scratch: str) -> int:
    """As kernels before 6.8 know it: all options in one string of less than 4 KiB."""
    data = ",".join(["lowerdir=" + ":".join(below)] + ["{}={}".format(*pair) for pair in above] + flags)
    if len(data) > 4095:
        raise OSError(errno.E2BIG, "an overlay of {} layers needs Linux 6.8".format(len(below)))
    kernel.mount("overlay", scratch, "overlay", 0, data)
    try:
        return kernel.open_tree(scratch, recursive=False)
    finally:
        kernel.unmount(scratch, kernel.MNT_DETACH)


def bind(source: str, *, read_only: bool = False, recursive: bool = True) -> int:
    """A detached copy of what is at `source`. What is mounted below it comes along: the kernel refuses to
    uncover what a mount of a more privileged namespace covers."""
    mount_fd = kernel.open_tree(source, recursive=recursive)
    if read_only:
        make_read_only(mount_fd)
    return mount_fd


def make_read_only(mount_fd: int) -> None:
    kernel.set_mount_attributes(mount_fd, kernel.MOUNT_ATTR_RDONLY)


def tmpfs(
    *, size: str, mode: str, attributes: int = kernel.MOUNT_ATTR_NOSUID | kernel.MOUNT_ATTR_NODEV
) -> int:
    """A detached tmpfs; `size` as 64k or 50% (of memory), `mode` in octal."""
    return kernel.new_filesystem("tmpfs", [("size", size), ("mode", mode)], attributes)


def attach(mount_fd: int, target: str) -> None:
    """Puts a detached mount at `target`, and closes the descriptor."""
    try:
        kernel.move_mount(mount_fd, target)
    finally:
        os.close(mount_fd)


def ensure_folder(path: str) -> None:
    """A mount point for a folder; a link that leads nowhere yet is followed."""
    os.makedirs(os.path.realpath(path), mode=0o755, exist_ok=True)


def ensure_file(path: str) -> None:
    """A mount point for a file."""
    if not os.path.lexists(path):
        ensure_folder(os.path.dirname(path))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
