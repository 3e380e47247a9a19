"""The kernel's calls that Python's standard library lacks: namespaces and the mount interface.

Each function raises OSError with the call's name. What to mount where is for mounts.py and root.py.
Needs Linux 5.12 (mount_setattr); that overlays work in user namespaces needs 5.11.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000
OPEN_TREE_CLONE = 1
MOVE_MOUNT_F_EMPTY_PATH = 4

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_IDMAP = 0x100000

_FSCONFIG_SET_FLAG = 0
_FSCONFIG_SET_STRING = 1
_FSCONFIG_CMD_CREATE = 6

_FALLOC_KEEP_SIZE = 1
_FALLOC_PUNCH_HOLE = 2

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}.get(platform.machine(), 155)
_SYS_KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219}.get(platform.machine(), 250)
_KEYCTL_JOIN_SESSION_KEYRING = 1
_SYS_SECCOMP = {"x86_64": 317, "aarch64": 277, "riscv64": 277}.get(platform.machine(), 317)
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
# numbers above 424 are the same on every architecture
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_FSOPEN = 430
_SYS_FSCONFIG = 431
_SYS_FSMOUNT = 432
_SYS_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


def _checked(name: str, result: int, about: object = "") -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "{}: {}".format(name, os.strerror(number)), str(about))
    return result


def _call(name: str, number: int, *arguments: object, about: object = "") -> int:
    return _checked(name, _syscall(ctypes.c_long(number), *arguments), about)


def _path(path: str) -> ctypes.c_char_p:
    return ctypes.c_char_p(os.fsencode(path))


def unshare(flags: int) -> None:
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def join_namespace(number: int, kind: int) -> None:
    """Enters the namespace that the descriptor stands for; of a user namespace with all rights in it."""
    _checked("setns", _libc.setns(ctypes.c_int(number), ctypes.c_int(kind)))


def punch_hole(number: int, offset: int, length: int) -> None:
    """Gives a part of a file back to the disk; its size and what follows stay as they are."""
    _checked(
        "fallocate",
        _libc.fallocate64(
            ctypes.c_int(number),
            ctypes.c_int(_FALLOC_KEEP_SIZE | _FALLOC_PUNCH_HOLE),
            ctypes.c_int64(offset),
            ctypes.c_int64(length),
        ),
    )


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """mount(2); only for what the newer calls below cannot do."""
    _checked(
        "mount " + kind,
        _libc.mount(
            _path(source),
            _path(target),
            _path(kind),
            ctypes.c_ulong(flags),
            ctypes.c_char_p(os.fsencode(data)),
        ),
        target,
    )


def unmount(target: str, flags: int = 0) -> None:
    _checked("umount", _libc.umount2(_path(target), ctypes.c_int(flags)), target)


def pivot_root(new_root: str, put_old: str) -> None:
    _call("pivot_root", _SYS_PIVOT_ROOT, _path(new_root), _path(put_old), about=new_root)


def open_tree(path: str, *, recursive: bool = True) -> int:
    """A detached copy of the mount at `path`, as a descriptor."""
    flags = OPEN_TREE_CLONE | os.O_CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return _call(
        "open_tree", _SYS_OPEN_TREE, ctypes.c_int(AT_FDCWD), _path(path), ctypes.c_uint(flags), about=path
    )


def move_mount(mount_fd: int, target: str) -> None:
    """Attaches a detached mount at `target`."""
    _call(
        "move_mount",
        _SYS_MOVE_MOUNT,
        ctypes.c_int(mount_fd),
        _path(""),
        ctypes.c_int(AT_FDCWD),
        _path(target),
        ctypes.c_uint(MOVE_MOUNT_F_EMPTY_PATH),
        about=target,
    )


def set_mount_attributes(
    mount_fd: int, attributes: int, *, recursive: bool = True, userns_fd: int = 0
) -> None:
    """Adds MOUNT_ATTR_… flags to a detached mount."""
    attr = _MountAttr(attr_set=attributes, userns_fd=userns_fd)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    _call(
        "mount_setattr",
        _SYS_MOUNT_SETATTR,
        ctypes.c_int(mount_fd),
        _path(""),
        ctypes.c_uint(flags),
        ctypes.byref(attr),
        ctypes.c_size_t(ctypes.sizeof(attr)),
    )


def new_filesystem(kind: str, options: list[tuple[str, str | None]], attributes: int = 0) -> int:
    """A detached mount of a new file system. An option's value None makes it a flag.

    The error's text holds what the kernel said about the options.
    """
    context = _call("fsopen " + kind, _SYS_FSOPEN, _path(kind), ctypes.c_uint(1))
    try:
        for name, value in options:
            if value is None:
                _configure(context, _FSCONFIG_SET_FLAG, name, None)
            else:
                _configure(context, _FSCONFIG_SET_STRING, name, value)
        _configure(context, _FSCONFIG_CMD_CREATE, None, None)
        return _call(
            "fsmount", _SYS_FSMOUNT, ctypes.c_int(context), ctypes.c_uint(1), ctypes.c_uint(attributes)
        )
    except OSError as error:
        what = " ".join(filter(None, [kind, error.filename, _said(context)]))
        raise OSError(error.errno, error.strerror, what) from None
    finally:
        os.close(context)


def _configure(context: int, command: int, name: str | None, value: str | None) -> None:
    _call(
        "fsconfig",
        _SYS_FSCONFIG,
        ctypes.c_int(context),
        ctypes.c_uint(command),
        None if name is None else _path(name),
        None if value is None else _path(value),
        ctypes.c_int(0),
        about=name,
    )


def _said(context: int) -> str:
    """The kernel's own words on what it refused; empty where it said nothing."""
    lines: list[str] = []
    while True:
        try:
            line = os.read(context, 4096)
        except OSError:
            return " ".join(lines)
        lines.append(line.decode(errors="replace").strip())


def die_with_parent() -> None:
    """SIGKILL when the thread that forked this process ends."""
    _checked("prctl", _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0))


def adopt_orphans() -> None:
    """Makes this process the parent of orphans below it."""
    _checked("prctl", _libc.prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(1), 0, 0, 0))


def set_dumpable() -> None:
    """Makes /proc/self belong to this process's own uid again after a change of uid."""
    _checked("prctl", _libc.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(1), 0, 0, 0))


def leave_session_keyring() -> None:
    """A new, empty session keyring: the inherited one may hold the keys of whoever started the engine."""
    _call("keyctl", _SYS_KEYCTL, ctypes.c_ulong(_KEYCTL_JOIN_SESSION_KEYRING), None)


def set_system_call_filter(program: ctypes.Structure, *, has_listener: bool = False) -> int:
    """Installs a seccomp filter (a struct sock_fprog) for this process and its children. Returns a descriptor
    on which the filter's questions arrive, with `has_listener`."""
    flags = _SECCOMP_FILTER_FLAG_NEW_LISTENER if has_listener else 0
    return _call(
        "seccomp",
        _SYS_SECCOMP,
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(flags),
        ctypes.byref(program),
    )
