"""What a process under proot is kept from by the kernel: Landlock, a filter of system calls, no rights.

proot only translates paths; this is what makes a mistake of it, or a call that it does not know, harmless.
All of it works without privileges, and where namespaces are closed. It holds for a process and all that it
starts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import stat
import struct
from collections.abc import Iterable

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

_LANDLOCK_CREATE, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT = 444, 445, 446  # the same everywhere
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
OLDEST_LANDLOCK = 2  # the first that lets files be renamed from folder to folder (Linux 5.19)
SCOPES_SINCE = 6

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_FIRST_ABI = (1 << 13) - 1
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_SCOPES = 1 | 2  # abstract sockets of, and signals to, processes outside

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 38, 22, 24
_SECCOMP_MODE_FILTER = 2
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_RET_ALLOW, _RET_ERRNO, _RET_ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
_LOAD_WORD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06

# calls that take paths and that proot lets pass untranslated: "not known" makes programs use an older one
_COMMON_CALLS = (
    *(425, 426, 427),  # io_uring: opens files behind proot's back
    *(428, 429, 430, 431, 432, 433, 442, 467),  # mounts
    435,  # clone3, whose flags proot does not read
    *(437, 439, 443, 452, 463, 464, 465, 466, 468, 469),  # openat2, faccessat2, …, file_setattr
)
_CALLS = {  # the architecture; renameat2, execveat, statx; mmap; brk
    "x86_64": (0xC000003E, (316, 322, 332), 9, 12),
    "aarch64": (0xC00000B7, (276, 281, 291), 222, 214),
    "riscv64": (0xC00000F3, (276, 281, 291), 222, 214),
}
# the call that proot makes of a program's first brk; unlike the C library it fills all 64 bits of the -1
_HEAP_BYTES = (16 << 20) + os.sysconf("SC_PAGE_SIZE")
_ALL_BITS, _READ_WRITE, _PRIVATE_ANONYMOUS = 0xFFFFFFFF, 3, 0x22


def landlock_version() -> int:
    """0 where the kernel has no Landlock, or whoever runs us forbids it."""
    return max(0, int(_syscall(_LANDLOCK_CREATE, None, 0, _CREATE_RULESET_VERSION)))


def drop_rights() -> None:
    """As root: keeps the uid and gives up what goes beyond an owner's rights, for good."""
    for number in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(number), 0, 0, 0) < 0:
            break
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing) < 0:
        _fail("capset")


def forbid_new_rights() -> None:
    """The kernel's condition for what follows: no program gives more rights than its caller has."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), 0, 0, 0) < 0:
        _fail("prctl")


def restrict_files(readable: Iterable[int | str], writable: Iterable[int | str]) -> None:
    """From now on only what lies below these paths can be read, and written. Paths that are not there are
    left out. Processes outside can be neither signalled nor looked into."""
    version = landlock_version()
    handled = _FIRST_ABI | _REFER
    handled |= _TRUNCATE if version >= 3 else 0
    attributes = struct.pack("QQQ", handled, 0, _SCOPES if version >= SCOPES_SINCE else 0)
    size = len(attributes) if version >= SCOPES_SINCE else 8
    ruleset = _call("landlock", _LANDLOCK_CREATE, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READING & handled)
        for path in writable:
            _allow(ruleset, path, handled)
        _call("landlock", _LANDLOCK_RESTRICT, ctypes.c_int(ruleset), 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: int | str, rights: int) -> None:
    try:
        opened = os.dup(path) if isinstance(path, int) else os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened))
        _call("landlock", _LANDLOCK_ADD_RULE, ctypes.c_int(ruleset), _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)


def filter_calls(*, is_listening: bool = False) -> int | None:
    """System calls that proot does not translate answer "function not implemented". With `is_listening` the
    result is a descriptor for heaps.py, which has to answer what is asked there."""
    if platform.machine() not in _CALLS:
        return None
    architecture, numbers, mmap, brk = _CALLS[platform.machine()]
    refused = sorted((*numbers, *_COMMON_CALLS))
    code = [(_LOAD_WORD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _RET_ALLOW)]
    code.append((_LOAD_WORD, 0, 0, 0))
    for number in refused:
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _RET_ERRNO | errno.ENOSYS)]
    if is_listening:
        # a heap that is to grow: proot lets this through where another program's start made it forget the
        # heap, and the kernel's own answer would read as a success. An address before the one that was
        # asked for is a failure.
        code += [
            (_JUMP_EQUAL, 0, 6, brk),
            (_LOAD_WORD, 0, 0, 16),
            (_JUMP_EQUAL, 0, 2, 0),
            (_LOAD_WORD, 0, 0, 20),
        ]
        code += [(_JUMP_EQUAL, 1, 0, 0), (_RETURN, 0, 0, _RET_ERRNO), (_RETURN, 0, 0, _RET_ALLOW)]
        wanted = [(24, _HEAP_BYTES), (52, _ALL_BITS), (32, _READ_WRITE), (40, _PRIVATE_ANONYMOUS)]
        code.append((_JUMP_EQUAL, 0, 2 * len(wanted) + 1, mmap))
        for index, (place, value) in enumerate(wanted):
            code += [(_LOAD_WORD, 0, 0, place), (_JUMP_EQUAL, 0, 2 * (len(wanted) - index) - 1, value)]
        code.append((_RETURN, 0, 0, _RET_ASK))
    code.append((_RETURN, 0, 0, _RET_ALLOW))
    return _install(code, is_listening)


def _install(code: list[tuple[int, int, int, int]], is_listening: bool) -> int | None:
    """The filter in the kernel's classic BPF: (code, jump if true, jump if false, value)."""
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    head = ctypes.c_char_p(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    if not is_listening:
        if _libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), head, 0, 0) < 0:
            _fail("seccomp")
        return None
    number = {"x86_64": 317}.get(platform.machine(), 277)
    return _call("seccomp", number, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_NEW_LISTENER), head)


def _call(name: str, number: int, *arguments: object) -> int:
    result = int(_syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        _fail(name)
    return result


def _fail(name: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, "{}: {}".format(name, os.strerror(number)))
