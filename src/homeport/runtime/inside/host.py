"""This machine's files as seen while a container is put together, and the way into the namespaces.

Before anything else, everything that containers need is bound below one small tmpfs, the stage: so a folder
that only root may enter (HOMEPORT_HOME in /root) is within reach of the uid that containers have, and nothing
else of that folder is. From then on this machine's root is the working folder, and all paths are relative to
it: that still names the right mounts after the root has been changed and a mount namespace was copied.
"""

from __future__ import annotations

import errno
import os

from . import kernel, mounts

STAGE = "dev/shm"  # exists everywhere, and Homeport has no other use for it
NEW_ROOT = STAGE + "/r"
SCRATCH = STAGE + "/s"
SKELETON = STAGE + "/k"  # mount points for a root that is read-only
PLAIN_USR = STAGE + "/u"  # /usr without what is mounted below it; not there where the kernel refuses that

Staged = "list[list[str]]"


class HostPaths:
    """Translates absolute paths of this machine to paths below the working folder."""

    def __init__(self, staged: list[str] | dict[str, str]) -> None:
        if isinstance(staged, dict):  # a path's place
            places = list(staged.items())
        else:
            places = [(path.rstrip("/"), "{}/{}".format(STAGE, index)) for index, path in enumerate(staged)]
        self._staged = sorted(places, key=lambda pair: -len(pair[0]))

    def __call__(self, path: str) -> str:
        for prefix, place in self._staged:
            if path == prefix or path.startswith(prefix + "/"):
                return place + path[len(prefix) :]
        return path.lstrip("/") or "."


def enter_namespaces(staged: list[str], container_uid: int) -> None:
    """Enters user and mount namespaces in which this process is root, with the stage made, at this machine's
    root. `container_uid` is who this is outside: another uid than the present one only for root."""
    os.chdir("/")
    if os.geteuid() == container_uid:
        gid = os.getegid()
        kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
        become_root(container_uid, gid)
        _make_stage(staged)
        return
    kernel.unshare(kernel.CLONE_NEWNS)
    _make_stage(staged)  # while root may still enter every folder
    os.setgroups([])
    os.setresgid(container_uid, container_uid, container_uid)
    os.setresuid(container_uid, container_uid, container_uid)
    kernel.set_dumpable()
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
    become_root(container_uid, container_uid)


def become_root(uid: int, gid: int) -> None:
    """Maps uid 0 of the new user namespace to `uid` of the one around it."""
    _write("/proc/self/setgroups", "deny")  # the kernel's condition for the gid map
    _write("/proc/self/uid_map", "0 {} 1".format(uid))
    _write("/proc/self/gid_map", "0 {} 1".format(gid))


def _make_stage(staged: list[str]) -> None:
    kernel.mount("none", "/", "none", kernel.MS_REC | kernel.MS_PRIVATE)
    opened = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in staged]  # the stage may cover them
    mounts.attach(mounts.tmpfs(size="1m", mode="755"), STAGE)
    for folder in (NEW_ROOT, SCRATCH, SKELETON, *(SKELETON + part for part in ("/proc", "/dev", "/usr"))):
        os.mkdir(folder)
    _show_plain_usr()
    for index, source in enumerate(opened):
        path = "/proc/self/fd/{}".format(source)
        target = "{}/{}".format(STAGE, index)
        if os.path.isdir(path):
            os.mkdir(target)
        else:
            mounts.ensure_file(target)
        mounts.attach(mounts.bind(path), target)
        os.close(source)


def _show_plain_usr() -> None:
    """An ordinary user has no right to look below this machine's mounts."""
    try:
        plain = mounts.bind("usr", recursive=False)
    except OSError:
        return
    os.mkdir(PLAIN_USR)
    mounts.attach(plain, PLAIN_USR)


def _write(path: str, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(handle, text.encode())
    except OSError as error:
        if error.errno == errno.EPERM:
            raise OSError(error.errno, "the kernel refuses to map uid 0", path) from None
        raise
    finally:
        os.close(handle)
