"""What a container gets from this machine besides folders: files of /etc, and what is mounted below /usr.

Read anew for each container.
"""

import re
from pathlib import Path

_LOCALHOST = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"


def etc_files(hostname: str) -> dict[str, str]:
    """Name below /etc to text: how names are resolved, since the container uses this machine's network.

    The link that resolv.conf often is, is followed here: it leads to folders that the container lacks.
    """
    hosts = _read("/etc/hosts") or _LOCALHOST
    return {
        "resolv.conf": _read("/etc/resolv.conf"),
        "hosts": f"{hosts.rstrip()}\n127.0.1.1 {hostname}\n",
        "hostname": f"{hostname}\n",
    }


def mounts_below_usr() -> list[str]:
    """Mount points below /usr."""
    points = [line.split(" ")[4] for line in _read("/proc/self/mountinfo").splitlines()]
    plain = [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point) for point in points]
    return [point for point in plain if point.startswith("/usr/")]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
