"""The checks of `homeport doctor`: each looks at one thing that Homeport needs of this machine.

A check finds what is there, whether that will do, and if not, what cures it. What containers need of the
kernel is for runtime/host.py, which performs the real mounts.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from homeport.cli import profile, service
from homeport.model.errors import EngineUnavailableError, FailedPreconditionError
from homeport.model.home import Home
from homeport.plan.sizes import human_size

SERVED_CLIENT = "1.6.4"
_LOW_DISK_BYTES = 5 * 1024**3  # an image with torch takes this much
_NO_DISK_BYTES = 256 * 1024**2

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What one check found. `stops_containers`: no container can run before it is cured."""

    name: str
    state: State
    text: str
    cure: str = ""
    stops_containers: bool = False


def all_findings(home: Home) -> Iterator[Finding]:
    """Every check's findings, in the order in which a person would mend them."""
    usable = _home(home)
    yield usable
    if usable.state != "problem":
        yield from _containers(home)
    yield _shared_memory()
    yield _disk(home)
    yield _pythons(home)
    yield _uv()
    yield _registries()
    yield _gpu()
    yield _port(home)
    yield _token(home)
    yield from _clients()
    yield _profile()


def _home(home: Home) -> Finding:
    try:
        service.prepare(home)
    except FailedPreconditionError as error:
        return Finding("home", "problem", f"{home.root} is of no use here", str(error), True)
    return Finding("home", "ok", str(home.root))


def _containers(home: Home) -> Iterator[Finding]:
    from homeport.cli.machine import containers

    yield from containers(home)


def _shared_memory() -> Finding:
    path = Path("/dev/shm")
    if not path.is_dir() or not os.access(path, os.W_OK):
        cure = "Mount a tmpfs there: sudo mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
        return Finding("/dev/shm", "problem", "is missing or cannot be written", cure, True)
    return Finding("/dev/shm", "ok", "is there; each container gets its own")


def _disk(home: Home) -> Finding:
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{human_size(free)} free at {folder}"
    cure = "Free some space, or set HOMEPORT_HOME to a folder on another disk."
    if free < _NO_DISK_BYTES:
        return Finding("disk", "problem", text, cure, True)
    return Finding("disk", "note", text, cure) if free < _LOW_DISK_BYTES else Finding("disk", "ok", text)


def _pythons(home: Home) -> Finding:
    from homeport.runtime.pythons import present_series

    found = present_series(home)
    if not found:
        cure = "Install one, such as: sudo apt-get install python3"
        return Finding("Python", "problem", "none of 3.9 to 3.13 is here for containers", cure, True)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = f"{', '.join(found)} for containers (others are fetched by uv); Homeport itself runs on {own}"
    return Finding("Python", "ok", text)


def _uv() -> Finding:
    try:
        import uv

        return Finding("uv", "ok", f"{metadata.version('uv')} at {uv.find_uv_bin()}")
    except (ImportError, FileNotFoundError):
        cure = f"{sys.executable} -m pip install uv"
        return Finding("uv", "problem", "is missing; images with packages cannot be built", cure)


def _registries() -> Finding:
    if (skopeo := shutil.which("skopeo")) is None:
        text = "images of registries cannot be pulled: skopeo is not here"
        return Finding(
            "registries", "note", text, "Install it, if you need them: sudo apt-get install skopeo"
        )
    return Finding("registries", "ok", f"images are pulled by {skopeo}")


def _gpu() -> Finding:
    from homeport.control.machine import this_machine

    gpus = this_machine().gpus
    if gpus:
        return Finding("GPU", "ok", f"{len(gpus)}: {', '.join(gpus)}")
    if shutil.which("nvidia-smi"):
        cure = "The driver's devices /dev/nvidia* are missing; nvidia-smi run as root makes them."
        return Finding("GPU", "note", "nvidia-smi is here, and no device is", cure)
    return Finding("GPU", "ok", "none; functions with gpu= run on the CPU, with a warning")


def _port(home: Home) -> Finding:
    running = service.find(home)
    if running:
        return Finding("engine", "ok", f"up at {running.server_url} (pid {running.pid})")
    try:
        port = service.choose_port(home, None)
    except EngineUnavailableError as error:
        return Finding("engine", "problem", "not up, and its port is taken", str(error))
    return Finding("engine", "ok", f"not up; it would listen on port {port}" if port else "not up")


def _token(home: Home) -> Finding:
    if not home.token_file.exists():
        return Finding("token", "ok", "none yet; the first start makes one")
    try:
        service.read_token(home)
    except FailedPreconditionError:
        cure = f"rm {home.token_file}, then homeport up"
        return Finding("token", "problem", f"{home.token_file} is damaged", cure)
    mode = home.token_file.stat().st_mode & 0o777
    if mode & 0o077:
        cure = f"chmod 600 {home.token_file}"
        return Finding("token", "problem", f"{home.token_file} can be read by others (mode {mode:03o})", cure)
    return Finding("token", "ok", "is readable by this user alone")


def _clients() -> Iterator[Finding]:
    """The modal client of this environment, and the one that the shell's modal command is, if another."""
    try:
        own = metadata.version("modal")
    except metadata.PackageNotFoundError:
        cure = f"{sys.executable} -m pip install modal=={SERVED_CLIENT}"
        yield Finding("modal", "problem", "the client is not installed beside Homeport", cure)
        own = ""
    if own:
        yield _client("modal", own, Path(sys.executable).with_name("modal"))
    found = shutil.which("modal")
    if found and Path(found).resolve().parent != Path(sys.executable).parent.resolve():
        yield _client("modal on PATH", _version_of(found), Path(found))


def _client(name: str, version: str, path: Path) -> Finding:
    text = f"{version or 'a version that does not tell its number'} at {path}"
    if version == SERVED_CLIENT:
        return Finding(name, "ok", text)
    cure = f"Homeport is tested with {SERVED_CLIENT}; to have that one: pip install modal=={SERVED_CLIENT}"
    return Finding(name, "note", text, cure)


def _version_of(modal: str) -> str:
    try:
        done = subprocess.run([modal, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+\.\d+\.\d+\S*", done.stdout)
    return match.group(0) if match else ""


def _profile() -> Finding:
    if profile.is_active():
        return Finding("modal commands", "ok", f"go to the engine by the profile in {profile.config_path()}")
    url = os.environ.get("MODAL_SERVER_URL", "")
    if url.startswith("http://127.0.0.1:"):
        return Finding("modal commands", "ok", f"of this shell go to {url}")
    return Finding("modal commands", "ok", 'go to Modal\'s cloud; for the engine: eval "$(homeport env)"')
