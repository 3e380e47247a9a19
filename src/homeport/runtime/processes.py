"""What /proc says of this user's processes: who holds a connection, what they were started with."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST = 4, 20, 1
_ANSWER_BYTES: Final = 16 + 72  # a header and struct inet_diag_msg
_ANSWER_S: Final = 0.2


def holder_of(address: str, port: int, server_port: int = 0) -> int | None:
    """The process whose end of a TCP connection is `address:port`, if it is this user's; the oldest where
    forks share it. It is found quicker where the server's port, at the same address, is known."""
    uid, inode = _asked(address, port, server_port) or _read(address, port) or (-1, 0)
    if uid != os.geteuid():
        return None
    name = f"socket:[{inode}]"
    pid = next((pid for pid in _own_processes() if _holds(pid, name)), None)
    while pid is not None and (above := parent(pid)) and is_own(above) and _holds(above, name):
        pid = above
    return pid


def _asked(address: str, port: int, server_port: int) -> tuple[int, int] | None:
    """User and inode of the connection's socket, as the kernel tells of one (sock_diag(7))."""
    there = socket.inet_aton(address) + bytes(12)
    ends = struct.pack(">HH", port, server_port) + there + there + bytes(4) + b"\xff" * 8
    request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ends
    header = struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_ANSWER_S)
            kernel.send(header + request)
            answer = kernel.recv(4096)
    except OSError:
        return None
    if len(answer) < _ANSWER_BYTES or struct.unpack_from("=H", answer, 4)[0] != _SOCK_DIAG_BY_FAMILY:
        return None  # it knows no such connection
    uid, inode = struct.unpack_from("=II", answer, 16 + 4 + 48 + 12)
    return uid, inode


def _read(address: str, port: int) -> tuple[int, int] | None:
    """The same from the list of all connections, which takes the kernel milliseconds."""
    number = int.from_bytes(bytes(map(int, address.split("."))), "little")
    for table, prefix in (("tcp", ""), ("tcp6", "0000000000000000FFFF0000")):
        wanted = f": {prefix}{number:08X}:{port:04X} "
        with suppress(OSError):
            text = (_PROC / "net" / table).read_text(encoding="ascii")
            place = text.find(wanted)
            if place >= 0:
                fields = text[place + 2 : text.find("\n", place)].split()
                return int(fields[6]), int(fields[8])
    return None


def _own_processes() -> Iterator[int]:
    """The newest first: whoever connects has often just been started."""
    with os.scandir(_PROC) as entries:
        pids = sorted((int(entry.name) for entry in entries if entry.name.isdecimal()), reverse=True)
    return (pid for pid in pids if is_own(pid))


def is_own(pid: int) -> bool:
    try:
        return (_PROC / str(pid)).stat().st_uid == os.geteuid()
    except OSError:
        return False


def _holds(pid: int, name: str) -> bool:
    folder = f"/proc/{pid}/fd"
    try:
        with os.scandir(folder) as entries:
            return any(_target(entry.path) == name for entry in entries)
    except OSError:
        return False


def _target(link: str) -> str:
    try:
        return os.readlink(link)  # noqa: PTH115 (of thousands: a Path costs more than the call)
    except OSError:
        return ""


def parent(pid: int) -> int:
    """0 where there is none."""
    return int((_stat(pid) or ["", "0"])[1])


def started_ticks(pid: int) -> int:
    """When it was started, in ticks since the machine was; with its number, a name that no other has. 0 for
    a process that is gone."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on; the second may hold anything."""
    try:
        return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def command_line(pid: int) -> tuple[str, ...]:
    return tuple(_strings(pid, "cmdline"))


def environment(pid: int) -> dict[str, str]:
    """As it was when the program was started; empty where it may not be read."""
    found = (line.partition("=") for line in _strings(pid, "environ"))
    return {name: value for name, equals, value in found if equals and name}


def working_folder(pid: int) -> str:
    return _target(f"/proc/{pid}/cwd")


def sees_our_files(pid: int) -> bool:
    """Whether paths mean the same to it as to this process; not to one in a container."""
    ours = _target("/proc/self/ns/mnt")
    return bool(ours) and _target(f"/proc/{pid}/ns/mnt") == ours and _target(f"/proc/{pid}/root") == "/"


def _strings(pid: int, name: str) -> list[str]:
    try:
        content = (_PROC / str(pid) / name).read_bytes()
    except OSError:
        return []
    return [os.fsdecode(each) for each in content.removesuffix(b"\0").split(b"\0")]
