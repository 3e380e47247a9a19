"""What the figures were measured on: hardware, kernel, versions."""

import os
import platform
from importlib import metadata
from pathlib import Path


def describe(user: str) -> dict[str, str]:
    """CPU, cores, memory, kernel, versions of what is on the way of a call, and the load at the start."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("homeport", "modal", "grpclib", "protobuf")
    )
    return {
        "cpu": f"{_first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": _first("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "versions": versions,
        "as": user,
        "load": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
    }


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"
