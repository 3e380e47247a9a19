"""What this machine allows: whether containers work, and what holds their limits.

Nothing is concluded from settings alone: Ubuntu 24.04 lets a process enter a user namespace and then refuses
the mounts. So a real container is put together, on HOMEPORT_HOME's own disk; the settings are read only to
say what cures a failure.
"""

import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.runtime import isolation, proot_view
from homeport.runtime.cgroups import find_control_groups
from homeport.runtime.commands import CommandSpec, run_command
from homeport.runtime.identity import own, remove_tree
from homeport.runtime.isolation import NAMESPACES, PROOT, Isolation

_OLDEST_LINUX: Final = (5, 12)  # mount_setattr; overlays in user namespaces came with 5.11
_SYSCTL: Final = Path("/proc/sys")
_CONTAINER_MARKS: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
_DOCKER_OPTIONS: Final = " ".join(
    f"--security-opt {name}=unconfined" for name in ("seccomp", "apparmor", "systempaths")
)


@dataclass(frozen=True)
class HostReport:
    """What `detect` found. Sentences are for people; an empty one says that nothing is wrong."""

    problem: str  # why no container can be started with namespaces
    cure: str  # the command or setting that helps, once
    memory_limit: str  # what holds memory=(…, limit)
    cpu_limit: str  # what holds cpu=(…, limit); "nothing" where nothing does
    gpus: tuple[int, ...]
    proot_problem: str = ""  # why proot cannot stand in; looked at only where namespaces are closed

    @property
    def can_run_containers(self) -> bool:
        return not self.problem or not self.proot_problem

    @property
    def isolation(self) -> Isolation:
        return PROOT if self.problem and not self.proot_problem else NAMESPACES


async def detect(home: Home) -> HostReport:
    """Runs a command in a container, which takes some 100 ms; where that fails, in one under proot."""
    problem = await try_container(home)
    proot_problem = await _try_proot(home) if problem else ""
    groups = find_control_groups(may_move=False)
    version = f"control groups (version {groups.version})"
    return HostReport(
        problem=problem,
        cure=cure(problem) if problem else "",
        memory_limit=version if groups.memory else "the container's supervisor, which looks every 100 ms",
        cpu_limit=version if groups.cpu else "nothing",
        gpus=find_gpus(),
        proot_problem=proot_problem,
    )


def find_gpus() -> tuple[int, ...]:
    """The numbers of this machine's NVIDIA devices, as in /dev/nvidia0."""
    names = (re.fullmatch(r"nvidia(\d+)", name) for name in os.listdir("/dev"))  # noqa: PTH208
    return tuple(sorted(int(name[1]) for name in names if name))


async def run_step(
    spec: CommandSpec, on_output: Callable[[bytes], None], remarks: set[str] | None = None
) -> int:
    """run_command, with what cures the machine in its error."""
    try:
        return await run_command(spec, on_output, remarks)
    except ContainerStartError as error:
        raise ContainerStartError(f"{error}. {cure(str(error))}".rstrip()) from None


def cure(problem: str) -> str:
    """A sentence with what makes containers possible here, as far as the settings tell; else empty. A problem
    that is none of namespaces and mounts has its cure in its own words."""
    if not re.search("unshare|overlay|refuses|not permitted", problem):
        return ""
    if kernel := _old_kernel():
        return f"Linux {kernel} is too old: containers without root need {'.'.join(map(str, _OLDEST_LINUX))}."
    if _setting("user/max_user_namespaces") == "0":
        return _sysctl_sentence("user.max_user_namespaces", 15000)
    if _setting("kernel/unprivileged_userns_clone") == "0":
        return _sysctl_sentence("kernel.unprivileged_userns_clone", 1)
    if any(mark.exists() for mark in _CONTAINER_MARKS):
        return f"This is a container itself: start it with {_DOCKER_OPTIONS}."
    if _setting("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return _sysctl_sentence("kernel.apparmor_restrict_unprivileged_userns", 0)
    if "overlay" in problem:
        return (
            "Set HOMEPORT_HOME to a folder on a local disk (ext4, xfs, btrfs): its disk cannot stack layers."
        )
    return ""


async def try_container(home: Home) -> str:
    """What went wrong, empty if nothing did."""
    home.create()
    trial = Path(tempfile.mkdtemp(prefix="trial-", dir=home.cache))
    try:
        trial.chmod(0o755)
        (trial / "base").mkdir()
        for name in ("bin", "lib", "lib64"):
            (trial / "base" / name).symlink_to(f"usr/{name}")
        own(trial / "base")
        command = CommandSpec(
            argv=("/usr/bin/env", "true"),
            layers=(trial / "base",),
            upper=trial / "upper",
            env={"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/usr/lib"},
            host_usr=True,
        )
        output: list[bytes] = []
        if status := await run_command(command, output.append):
            said = b"".join(output).decode("utf-8", "replace").splitlines()
            return said[0] if said else f"a program in a container ended with exit status {status}"
    except ContainerStartError as error:
        return str(error)
    except OSError as error:
        return f"{home.root}: {error.strerror}"
    finally:
        remove_tree(trial)
    return ""


async def _try_proot(home: Home) -> str:
    """Why proot cannot be used, with what cures it; empty where it can."""
    if problem := proot_view.problem():
        return problem
    before = isolation.chosen()
    isolation.choose(PROOT)
    try:
        problem = await try_container(home)
    finally:
        isolation.choose(before)
    return f"it cannot start here either ({problem})" if problem else ""


def _old_kernel() -> str:
    release = os.uname().release
    numbers = re.match(r"(\d+)\.(\d+)", release)
    is_old = numbers is not None and (int(numbers[1]), int(numbers[2])) < _OLDEST_LINUX
    return release if is_old else ""


def _setting(name: str) -> str:
    try:
        return (_SYSCTL / name).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _sysctl_sentence(name: str, value: int) -> str:
    return (
        f"The setting {name} closes namespaces to ordinary users; once, as root: "
        f"echo '{name} = {value}' > /etc/sysctl.d/60-homeport.conf && sysctl --system"
    )
