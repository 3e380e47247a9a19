"""Builds a container's root file system and makes it this process's root.

Called in a fresh mount namespace with this machine's root as the working folder. The image's view comes
first, then the root is changed, then the rest is mounted at the container's own paths: so a link in an image
that leads elsewhere is followed inside the container and nowhere else. What the container may not do
afterwards is for pid1.py, which starts its process in a user namespace that owns none of these mounts.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from . import gpu, kernel, mounts, usr
from .host import NEW_ROOT, SCRATCH, SKELETON, HostPaths

CONTAINER = "container"
BUILD_STEP = "build step"
WARM_PARENT = "warm parent"

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_GPU_LIBRARIES = "/usr/local/nvidia"
_PASSWD = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
_GROUP = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"


def build(spec: dict[str, Any], host: HostPaths) -> int:
    """Makes the container's root the root of this process; the working folder stays this machine's root.

    Returns a descriptor of the old root, still mounted but not within reach of any path; `leave` removes it.
    """
    old_root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    view = spec["view"]
    skeleton = ["/" + SKELETON] if spec["kind"] == WARM_PARENT else []
    mounts.attach(_root_overlay(view, view["trees"] + skeleton, host), NEW_ROOT)
    os.chdir(NEW_ROOT)
    kernel.pivot_root(".", ".")  # the old root now lies on top of the new one, where no path leads
    os.fchdir(here)
    os.close(here)

    mounts.ensure_folder("/proc")
    if spec["kind"] == WARM_PARENT:  # it has no process namespace of its own
        mounts.attach(mounts.bind("proc"), "/proc")
        usr.mount_usr(view, host)
        _mount_dev(spec)
        return old_root
    mounts.attach(_new_proc(), "/proc")
    mounts.attach(mounts.bind("/proc/sys", read_only=True), "/proc/sys")
    usr.mount_usr(view, host)
    _mount_dev(spec)
    mounts.ensure_folder("/sys")
    mounts.attach(mounts.bind("sys", read_only=True), "/sys")
    if spec["gpus"] and os.path.isdir(_GPU_LIBRARIES[1:]):
        _bind(_GPU_LIBRARIES[1:], _GPU_LIBRARIES, True)
    if spec["gpus"] and not view["host_usr"]:
        for source, target in gpu.driver_files():
            _bind(source, target, True)
    for source, target, read_only in spec["binds"]:
        _bind(host(source), target, read_only)
    for volume in spec["volumes"]:
        mounts.ensure_folder(volume["path"])
        mounts.attach(volume_mount(volume, host), volume["path"])
    for path in spec.get("memory_folders", ()):
        mounts.ensure_folder(path)
        mounts.attach(mounts.tmpfs(size="50%", mode="1777"), path)
    for number, (path, text) in enumerate(spec.get("texts", {}).items()):
        _cover(path, text, "text-{}".format(number))
    _write_etc(spec)
    return old_root


def leave(old_root: int) -> None:
    """Unmounts everything of this machine but what was mounted into the container.

    A warm parent's root has this machine's on top of it: `.` means the topmost, until the old root itself has
    gone and `.` is in no mount namespace any more.
    """
    os.fchdir(old_root)
    os.close(old_root)
    kernel.unmount(".", kernel.MNT_DETACH)
    try:
        while True:
            kernel.unmount(".", kernel.MNT_DETACH)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    os.chdir("/")


def volume_mount(volume: dict[str, Any], host: HostPaths) -> int:
    """A detached mount of a volume, or the one that came with the request (of a linked folder, from root)."""
    if volume.get("fd") is not None:
        mount_fd: int = volume["fd"]
        if volume["read_only"]:
            mounts.make_read_only(mount_fd)
        return mount_fd
    if volume.get("bind"):
        return mounts.bind(host(volume["bind"]), read_only=volume["read_only"])
    lowers = [host(lower) for lower in volume["lowers"]]
    upper = volume.get("upper")
    if upper is None:
        return mounts.overlay(lowers, scratch=SCRATCH)
    if not lowers:
        return mounts.bind(host(upper), read_only=volume["read_only"])
    mount_fd = mounts.overlay(lowers, host(upper), host(volume["work"]), scratch=SCRATCH)
    if volume["read_only"]:
        mounts.make_read_only(mount_fd)
    return mount_fd


def _root_overlay(view: dict[str, Any], lowers: list[str], host: HostPaths) -> int:
    upper, work = view.get("upper"), view.get("work")
    return mounts.overlay(
        [host(lower) for lower in lowers],
        upper and host(upper),
        work and host(work),
        scratch=SCRATCH,
        volatile=view["volatile"],
    )


def _new_proc() -> int:
    try:
        return kernel.new_filesystem("proc", [])
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        reason = "the kernel refuses a new /proc because parts of this machine's own are covered"
        raise OSError(error.errno, reason + " (in docker: --security-opt systempaths=unconfined)") from None


def _mount_dev(spec: dict[str, Any]) -> None:
    mounts.ensure_folder("/dev")
    names = [name for name in _DEVICES if os.path.exists("dev/" + name)] + gpu.devices(spec)
    sources = {name: mounts.bind("dev/" + name) for name in names}
    mounts.attach(mounts.tmpfs(size="64k", mode="755", attributes=kernel.MOUNT_ATTR_NOSUID), "/dev")
    for name, device in sources.items():
        mounts.ensure_file("/dev/" + name)
        mounts.attach(device, "/dev/" + name)
    for name in ("pts", "shm"):
        os.mkdir("/dev/" + name)
    mounts.attach(
        kernel.new_filesystem("devpts", [("newinstance", None), ("ptmxmode", "0666"), ("mode", "620")]),
        "/dev/pts",
    )
    mounts.attach(mounts.tmpfs(size="50%", mode="1777"), "/dev/shm")
    for link, target in (
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, "/dev/" + link)


def _bind(source: str, target: str, read_only: bool) -> None:
    if os.path.isdir(source):
        mounts.ensure_folder(target)
    else:
        mounts.ensure_file(target)
    mounts.attach(mounts.bind(source, read_only=read_only), target)


def _write_etc(spec: dict[str, Any]) -> None:
    socket.sethostname(spec["hostname"])
    mounts.ensure_folder("/etc")
    for name, text in spec["etc"].items():
        if spec["kind"] == BUILD_STEP:  # its layer must not hold this machine's names
            _cover("/etc/" + name, text, "etc-" + name)
        else:
            _replace("/etc/" + name, text)
    for path, text in (("/etc/passwd", _PASSWD), ("/etc/group", _GROUP)):
        if spec["kind"] == CONTAINER and not os.path.exists(path):
            _replace(path, text)


def _replace(path: str, text: str) -> None:
    if os.path.islink(path):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _cover(path: str, text: str, name: str) -> None:
    """Mounts a file with this text, kept in the memory of /dev, over a path."""
    made = "/dev/." + name
    _replace(made, text)
    mounts.ensure_file(path)
    mounts.attach(mounts.bind(made), path)
    os.unlink(made)
