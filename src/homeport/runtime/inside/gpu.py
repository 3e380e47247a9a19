"""What a container with GPUs gets of this machine: the devices, and the driver's libraries and programs.

The libraries have to be those of the running kernel module, so no image can hold them. An image over this
machine's /usr sees them where they lie; one with a /usr of its own gets each of them bound into the folder
where its loader looks by itself.
"""

from __future__ import annotations

import fnmatch
import os
import platform
from typing import Any

_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
_TRIPLET = "{}-linux-gnu".format(platform.machine())
_LIBRARY_FOLDERS = ("usr/lib/" + _TRIPLET, "usr/lib64", "usr/lib", "usr/lib/wsl/lib")
_LIBRARIES = (
    "libcuda.so*",
    "libcudadebugger.so*",
    "libnvcuvid.so*",
    "libnvidia-*.so*",
    "libnvoptix.so*",
    "libdxcore.so",  # WSL's way to the driver
)
_PROGRAMS = ("nvidia-smi", "nvidia-debugdump", "nvidia-cuda-mps-control", "nvidia-cuda-mps-server")
_TARGETS = ("/usr/lib/" + _TRIPLET, "/usr/lib64", "/usr/lib")  # Debian's, Red Hat's, others'


def devices(spec: dict[str, Any]) -> list[str]:
    """Names below /dev for the GPUs that a container has."""
    gpus = spec["gpus"]
    if not gpus:
        return []
    names = ["nvidia{}".format(number) for number in gpus]
    return names + [name for name in _DEVICES if os.path.exists("dev/" + name)]


def driver_files() -> list[tuple[str, str]]:
    """For an image with a /usr of its own: files of this machine (below the working folder) and where the
    container sees them."""
    target = next((folder for folder in _TARGETS if os.path.isdir(folder)), "/usr/lib")
    found: dict[str, str] = {}
    for folder in _LIBRARY_FOLDERS:
        for name in _names(folder):
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in _LIBRARIES):
                found.setdefault("{}/{}".format(target, name), _resolve("{}/{}".format(folder, name)))
    for name in _PROGRAMS:
        found["/usr/bin/" + name] = _resolve("usr/bin/" + name)
    return [(source, path) for path, source in found.items() if os.path.isfile(source)]


def _resolve(path: str) -> str:
    """The file that a link of this machine names, an absolute one too."""
    for _ in range(40):
        if not os.path.islink(path):
            break
        path = os.path.normpath(os.path.join("/", os.path.dirname(path), os.readlink(path))).lstrip("/")
    return path


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
