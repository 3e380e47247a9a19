"""The few files of /etc that a container gets from this machine, read anew for each."""

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


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
