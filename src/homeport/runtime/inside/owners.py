"""Answers `chown` to other users, and the like, as done without doing it: a container has one uid.

Without newuidmap an ordinary user may map one uid, so the kernel refuses every other owner with EINVAL, and
dpkg, tar, useradd and packages' scripts fail on it. A seccomp filter returns 0 for these calls instead: to
programs the container's root may give files away, and all files stay its own. Calls that name root only (or
nobody to change to) go to the kernel, with its errors. Build steps are also told that they became another
user, and that a device was made; there PID 1 answers a chown, so that the image can say that there was one.
"""

from __future__ import annotations

import ctypes
import fcntl
import platform
import struct

from . import kernel

# system calls and the places of the ids in their arguments; asm-generic has neither chown nor mknod
_CHOWN = {
    "x86_64": {92: (1, 2), 93: (1, 2), 94: (1, 2), 260: (2, 3)},  # chown, fchown, lchown, fchownat
    "generic": {55: (1, 2), 54: (2, 3)},  # fchown, fchownat
}
# those that set one id (uid, gid, fsuid, fsgid), two (reuid, regid) and three (resuid, resgid)
_IDENTITY = {
    "x86_64": ((105, 106, 122, 123), (113, 114), (117, 119)),
    "generic": ((146, 144, 151, 152), (145, 143), (147, 149)),
}
_GROUPS = {"x86_64": 116, "generic": 159}  # setgroups
# fsync, fdatasync, sync, syncfs, sync_file_range: a layer is written to disk as a whole when its step is done
_SYNC = {"x86_64": (74, 75, 162, 306, 277), "generic": (82, 83, 81, 267, 84)}
_MKNOD = {"x86_64": {133: 1, 259: 2}, "generic": {33: 2}}  # mknod, mknodat, and where their mode is
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}

_LOAD, _JUMP_IF_EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
# SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with no error; SECCOMP_RET_USER_NOTIF
_ALLOW, _DONE, _ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV, _SEND
_QUESTION_BYTES = 80
_NUMBER_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16
_NOBODY = 0xFFFFFFFF  # -1: leave it as it is
_FILE_TYPE, _DEVICES = 0o170000, (0o020000, 0o060000)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def emulate(is_build_step: bool) -> int:
    """From now on, in this process and all that come of it, which has to be root of a user namespace. Raises
    OSError where the kernel has no such filters; then chown fails as the kernel has it.

    Returns a descriptor for `answer`, or -1 where nothing is asked.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        return -1
    if is_build_step:
        try:
            return kernel.set_system_call_filter(_filter(machine, is_build_step, _ASK), has_listener=True)
        except OSError:
            pass  # one listener is the most that there may be, and somebody else has it
    kernel.set_system_call_filter(_filter(machine, is_build_step, _DONE) if is_build_step else _OF_CONTAINERS)
    return -1


def answer(listener: int) -> bool:
    """Answers one call as done; False where who called is gone."""
    question = bytearray(_QUESTION_BYTES)
    try:
        fcntl.ioctl(listener, _RECEIVE, question)
        fcntl.ioctl(listener, _SEND, struct.pack("=QqiI", struct.unpack_from("=Q", question)[0], 0, 0, 0))
    except OSError:
        return False
    return True


def _filter(machine: str, is_build_step: bool, chown: int) -> _Program:
    program = _program(machine, is_build_step, chown)
    return _Program(len(program) // 8, program)


def _program(machine: str, is_build_step: bool, chown: int = _DONE) -> bytes:
    """The filter as instructions for the kernel; empty for a machine whose calls are not known here. `chown`
    says what becomes of a call that the kernel would refuse."""
    if machine not in _AUDIT_ARCH:
        return b""
    kind = "x86_64" if machine == "x86_64" else "generic"
    code = [
        _instruction(_LOAD, _ARCH_AT),
        _instruction(_JUMP_IF_EQUAL, _AUDIT_ARCH[machine], 1, 0),
        _instruction(_RETURN, _ALLOW),
        _instruction(_LOAD, _NUMBER_AT),
    ]
    if is_build_step:
        for count, numbers in enumerate(_IDENTITY[kind], 1):
            for number in numbers:
                code += _for_call(number, _unless_root(tuple(range(count)), _DONE))
        for number in (_GROUPS[kind], *_SYNC[kind]):
            code += _for_call(number, [_instruction(_RETURN, _DONE)])
        for number, place in _MKNOD[kind].items():
            code += _for_call(number, _unless_device(place))
    for number, places in _CHOWN[kind].items():
        code += _for_call(number, _unless_root(places, chown))
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _for_call(number: int, body: list[bytes]) -> list[bytes]:
    """`body`, which has to end in a return, for one system call."""
    return [_instruction(_JUMP_IF_EQUAL, number, 0, len(body)), *body]


def _unless_root(places: tuple[int, ...], otherwise: int) -> list[bytes]:
    """The kernel's where every id is root's or says to leave it, else emulated."""
    checks: list[bytes] = []
    for count, place in enumerate(places, 1):
        to_end = (len(places) - count) * 3 + 1  # from this check's last instruction to the emulation
        checks += [
            _instruction(_LOAD, _ARGUMENTS_AT + 8 * place),
            _instruction(_JUMP_IF_EQUAL, 0, 1, 0),
            _instruction(_JUMP_IF_EQUAL, _NOBODY, 0, to_end),
        ]
    return [*checks, _instruction(_RETURN, _ALLOW), _instruction(_RETURN, otherwise)]


def _unless_device(place: int) -> list[bytes]:
    """Done without doing it for devices; folders' pipes and sockets are made."""
    first, second = _DEVICES
    return [
        _instruction(_LOAD, _ARGUMENTS_AT + 8 * place),
        _instruction(_AND, _FILE_TYPE),
        _instruction(_JUMP_IF_EQUAL, first, 2, 0),
        _instruction(_JUMP_IF_EQUAL, second, 1, 0),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _DONE),
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


# made once in a warm parent, not in each of its forks
_OF_CONTAINERS = _filter(platform.machine(), False, _DONE)
