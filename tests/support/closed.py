"""Closes namespaces for a command, as containers and clusters do: `python closed.py user|root COMMAND…`.

user: a nested user namespace in which user.max_user_namespaces is 0. root: what Docker takes from a container
by default, its capabilities and its filter of system calls. Homeport's own code is not used: it is under
test.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_NEW_NAMESPACES = 0x7E020080  # every CLONE_NEW… flag
_DOCKERS_CAPABILITIES = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
_PR_CAPBSET_DROP, _PR_SET_SECCOMP = 24, 22
_DENIED = {  # mount, umount2, pivot_root, setns, unshare, and the calls of the newer mount interface
    "x86_64": (165, 166, 155, 308, 272, 428, 429, 430, 431, 432, 433, 442),
    "aarch64": (40, 39, 41, 268, 97, 428, 429, 430, 431, 432, 433, 442),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def close_as_user() -> None:
    uid, gid = os.getuid(), os.getgid()
    _checked(_libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    Path("/proc/sys/user/max_user_namespaces").write_text("0")


def close_as_root() -> None:
    _install_filter()
    for number in range(64):
        if number not in _DOCKERS_CAPABILITIES:
            _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0)
    mask = sum(1 << number for number in _DOCKERS_CAPABILITIES)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked(_libc.capset(header, (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0)))


def _install_filter() -> None:
    machine = platform.machine()
    load, equal, any_bit, answer = 0x20, 0x15, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    code = [(load, 0, 0, 0)]
    for number in _DENIED[machine]:
        code += [(equal, 0, 1, number), (answer, 0, 0, refuse | errno.EPERM)]
    code += [(equal, 0, 1, _CLONE3), (answer, 0, 0, refuse | errno.ENOSYS)]
    code += [(equal, 0, 3, _CLONE[machine]), (load, 0, 0, 16), (any_bit, 0, 1, _NEW_NAMESPACES)]
    code += [(answer, 0, 0, refuse | errno.EPERM), (answer, 0, 0, allow)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    head = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    _checked(_libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.c_char_p(head), 0, 0))


def main() -> None:
    {"user": close_as_user, "root": close_as_root}[sys.argv[1]]()
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
