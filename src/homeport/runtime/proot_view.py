"""What containers and build steps under proot have in common, as inside/prooted.py reads it."""

import functools
import os
import shutil
from pathlib import Path
from typing import Any, Final

from homeport.runtime.inside.confinement import OLDEST_LANDLOCK, SCOPES_SINCE, landlock_version

_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")


def find_proot() -> str | None:
    return shutil.which("proot", path="/usr/bin:/usr/local/bin") or shutil.which("proot")


def problem() -> str:
    """Why proot cannot be used here, with what cures it; empty where it can."""
    if find_proot() is None:
        return "apt-get install proot"
    if os.geteuid() == 0 and not is_confined():
        return (
            "as root it needs Landlock (Linux 5.19, not forbidden by a container around it), or this "
            "machine's files could be written; run Homeport as an ordinary user"
        )
    return ""


def lacks() -> tuple[str, ...]:
    """What containers under proot are not kept from, on this machine: sentences for people."""
    files = (
        "files: Landlock keeps containers to their own, but modes and times of an image's /usr can be changed"
        if is_confined()
        else "files: without Landlock (Linux 5.19) only proot keeps containers apart; each has a full copy"
    )
    return (
        files,
        "processes: containers see those of this machine"
        + ("" if signals_are_confined() else ", and may signal those of this user"),
        "it is isolation against accidents: no untrusted code, in a Sandbox neither",
        "users: root in a container is the user who runs the engine; chown does nothing",
        "/usr and /opt of an image can be read only, while a container runs",
        "/dev/shm has the size of this machine's; the host name is this machine's",
        "speed: a system call takes some 50 µs more, a container's start a second",
        "volumes are copied when a container starts; a reload does not notice working folders",
    )


@functools.cache
def is_confined() -> bool:
    """Whether the kernel keeps containers' processes to their own files."""
    return landlock_version() >= OLDEST_LANDLOCK


def signals_are_confined() -> bool:
    return landlock_version() >= SCOPES_SINCE


def view(binary: str, root: Path) -> dict[str, Any]:
    """What containers and build steps have in common."""
    return {
        "binary": binary,
        "root": str(root),
        "workdir": "/",
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PROOT_NO_SECCOMP": "1"},
        "is_confined": is_confined(),
        "keeps_files": False,
        "copied": [],
        "overlays": [],
        "shared": [],
        "tree": None,
        "host_usr": True,
        "bound_bytes": None,
        "shm": None,
        # of /proc/sys root is the owner, and needs no rights to write there
        "binds": [["/proc", "/proc", os.geteuid() == 0], ["/sys", "/sys", True], *devices()],
    }


def devices(names: tuple[str, ...] = _DEVICES) -> list[list[Any]]:
    return [[f"/dev/{name}", f"/dev/{name}", False] for name in names if Path("/dev", name).exists()]
