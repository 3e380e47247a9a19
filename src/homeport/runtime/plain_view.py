"""What a container of plain processes is made of, and what of its paths this machine has to lend it.

Its Python is the image's, in a merged copy of the layers that its containers share; /root, mounts and volumes
are in a folder of its own, where it starts. A path that it has and this machine lacks, such as /data, has to
become a link of this machine (plain_links.py).
"""

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.runtime.engine import ContainerSpec
from homeport.runtime.inside.plain import ROOT

# the container's own, whatever this machine has there
_OWN: Final = ("/root", "/pkg", "/__modal", "/usr/local")
# folders of every Linux: what a container has in them are paths of its own
_TOP: Final = ("", "etc", "home", "media", "mnt", "opt", "root", "run", "srv", "tmp", "var")
_BELOW_VAR: Final = ("cache", "lib", "log", "opt", "spool", "tmp")
_SYSTEM: Final = frozenset((*(f"/{name}" for name in _TOP), *(f"/var/{name}" for name in _BELOW_VAR)))
_NOT_SHOWN: Final = ("bin", "dev", "lib", "lib32", "lib64", "libx32", "pkg", "proc", "sbin", "sys", "usr")
_ELSEWHERE: Final = "homeport down && homeport up --engine auto gives each container files of its own"


@dataclass(frozen=True)
class Need:
    """A path of the container that this machine has to lead into it. `is_own`: below /root, which a container
    has a folder of its own for; what is a volume has to be at its path all the same."""

    path: str
    what: str
    is_own: bool = False
    is_volume: bool = False


def lacks() -> tuple[str, ...]:
    """What containers of plain processes are not kept from: all of it. Sentences for people."""
    return (
        "nothing is isolated: containers are processes of this user, and may do to this machine's files and "
        "processes what this user may",
        "Sandboxes are refused: they are made for code that nobody vouches for",
        "files: the container's own are in a folder of its task, where it starts; ~ and relative paths mean "
        "that folder's root/, and HOME, PATH and PYTHONPATH lead there, though a run's record has them as "
        "everywhere. What it writes elsewhere stays on this machine",
        "paths such as /data or /app are links of this machine while a container needs them; programs other "
        "than Python that close all descriptors do not see them, nor does a Python started with -I or -S",
        "the image: its Python and packages, shared by its containers, which should install nothing; the "
        "rest of the system is this machine's. Only steps that install packages or copy files can be built",
        "a Volume's read_only is not held: what is written is lost, and in a linked folder it stays",
        "users: root in a container is no root, but the user who runs the engine",
        "GPUs: CUDA_VISIBLE_DEVICES names those that were asked for, and nothing holds a process to it",
        "/tmp, /dev/shm, host name and ports are this machine's",
    )


def place(root: Path, path: str) -> str:
    """A path of the container as its processes can open it, whatever links this machine has."""
    is_own = any(path == own or path.startswith(f"{own}/") for own in _OWN)
    return f"{root}{path}" if is_own else path


def check(spec: ContainerSpec, mounts: list[Path]) -> None:
    """Raises ContainerStartError for what no plain process can have."""
    if not spec.image.host_usr:
        raise ContainerStartError(
            f"The image has a root file system of its own, which a plain process cannot have; {_ELSEWHERE}"
        )
    for tree in (*mounts, *spec.image.layers[:-1]):
        for found in (tree / "usr").iterdir() if (tree / "usr").is_dir() else ():
            if found.name != "local" or tree in mounts:
                raise ContainerStartError(
                    f"The container has files at /usr/{found.name}, where a plain process finds this "
                    f"machine's; put them elsewhere, such as /opt, or: {_ELSEWHERE}"
                )
    for volume, other in itertools.permutations(spec.volumes, 2):
        if other.path.startswith(f"{volume.path}/"):
            raise ContainerStartError(
                f"Volume {other.volume_id} at {other.path} lies in another one, which a plain process cannot "
                f"be shown; choose a path beside {volume.path}, or: {_ELSEWHERE}"
            )
    if spec.keeps_files:
        raise ContainerStartError(
            "Image.run_function keeps what a function writes, and of a plain process nobody knows what that "
            f"is; {_ELSEWHERE}"
        )


def needs(spec: ContainerSpec, mounts: list[Path]) -> list[Need]:
    """The paths that this machine has to lend, each once."""
    found: dict[str, Need] = {}
    for volume in spec.volumes:
        what = f"Volume {volume.volume_id} at {volume.path}"
        path = volume.path if volume.path.startswith("/root/") else _first_own(volume.path)
        found[path] = Need(path, what, is_own=volume.path.startswith("/root/"), is_volume=True)
    for tree in (*mounts, *spec.image.layers[:-1]):
        for path in _shown(tree, "/"):
            found.setdefault(path, Need(path, path, is_own=path.startswith("/root/")))
    return list(found.values())


def _first_own(path: str) -> str:
    """The outermost folder of the path that not every Linux has."""
    parts = path.strip("/").split("/")
    return next(
        (above for n in range(1, len(parts) + 1) if (above := "/" + "/".join(parts[:n])) not in _SYSTEM), path
    )


def _shown(tree: Path, folder: str) -> Iterator[str]:
    """What the tree has in folders of every Linux."""
    for entry in os.scandir(f"{tree}{folder}"):
        path = f"{folder.rstrip('/')}/{entry.name}"
        if folder == "/" and entry.name in (*_NOT_SHOWN, "__modal"):
            continue
        if path in _SYSTEM and entry.is_dir(follow_symlinks=False):
            yield from _shown(tree, path)
        else:
            yield path


def fill_request(
    request: dict[str, Any], home: Home, spec: ContainerSpec, image: Path, mounts: list[Path]
) -> None:
    """Completes what the container's own processes read."""
    folder = home.tasks / spec.task_id
    root = folder / "root"
    inside = request["spec"]
    bundle = [tree for tree in spec.overlays if tree not in mounts]
    parts = {f"/{path.relative_to(tree)}": path for tree in bundle for path in _parts(tree)}
    inside["plain"] = {
        "root": str(root),
        "copied": [str(tree) for tree in (*mounts, *spec.image.layers[:-1])],
        "shared": list(_NOT_SHOWN),
        "links": [
            ["/usr/local", str(image / "usr/local")],
            *([place, str(path)] for place, path in parts.items()),
            ["/__modal/plain/sitecustomize.py", str(parts["/__modal/homeport"] / "plain_site.py")],
            ["/__modal/run", str(folder / "run")],
        ],
    }
    inside["binds"] = []
    inside["kept_fds"] = [ROOT]
    inside["main"] = str(parts["/__modal/homeport"] / "__main__.py")
    python = image / spec.image.python.lstrip("/")
    inside["python"] = place(root, spec.image.python) if os.path.lexists(python) else spec.image.python
    inside["env"] = _environment(inside["env"], folder, spec.gpu_devices)
    inside["workdir"] = f"{root}{spec.workdir}"
    if inside["command"] is not None:
        inside["command"] = [place(root, word) for word in inside["command"]]


def _parts(tree: Path) -> list[Path]:
    """Folders of the client's bundle, none of which two of its trees have."""
    return [*tree.glob("pkg"), *sorted(tree.glob("__modal/*"))]


def _environment(env: dict[str, str], folder: Path, gpus: tuple[int, ...]) -> dict[str, str]:
    root = folder / "root"

    def placed(name: str) -> list[str]:
        return [place(root, path) for path in env.get(name, "").split(":") if path]

    own = [path for path in placed("PATH") if path not in env["PATH"].split(":")]
    changed = {
        "PATH": ":".join([*own, *env["PATH"].split(":")]),
        "PYTHONPATH": ":".join([f"{root}/__modal/plain", *placed("PYTHONPATH")]),
        "HOME": place(root, env.get("HOME", "/root")),
    }
    if env.get("MODAL_SERVER_URL", "").startswith("unix://"):
        changed["MODAL_SERVER_URL"] = f"unix://{socket_path(folder)}"
    if "MODAL_CONTAINER_ARGUMENTS_PATH" in env:
        changed["MODAL_CONTAINER_ARGUMENTS_PATH"] = place(root, env["MODAL_CONTAINER_ARGUMENTS_PATH"])
    devices = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(map(str, gpus))}
    return {**(devices if Path("/dev/nvidiactl").exists() else {}), **env, **changed}


def socket_path(folder: Path) -> str:
    """The engine's socket in a container; an address holds 107 bytes."""
    path = folder / "run" / "api.sock"
    return str(path) if len(os.fsencode(path)) <= 107 else f"/proc/self/fd/{ROOT}/../run/api.sock"


def finish_programs(tree: Path, final: Path) -> None:
    """Makes the image's scripts name the Python of the copy, which lies at `final`; by way of /bin/sh, since
    the first line of a script may hold 127 bytes only. Ordinary users' containers can write none of it."""
    folder = tree / "usr/local/bin"
    for script in sorted(folder.iterdir()) if folder.is_dir() else ():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        head, _, rest = content.partition(b"\n")
        named = re.fullmatch(rb"#! ?/usr/local/bin/(python[\d.]*)(?: (-\w+))?\r?", head)
        if named is not None:
            flags = (named[2] + b" ") if named[2] else b""
            python = os.fsencode(final / "usr/local/bin") + b"/" + named[1]
            lines = [b"#!/bin/sh", b"'''exec' \"" + python + b'" ' + flags + b'"$0" "$@"', b"' '''"]
            times = script.stat()
            script.write_bytes(b"\n".join([*lines, rest]))
            os.utime(script, ns=(times.st_atime_ns, times.st_mtime_ns))
    for path, _, _ in os.walk(tree / "usr/local"):
        Path(path).chmod(0o555)
