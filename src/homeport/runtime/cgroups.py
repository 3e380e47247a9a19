"""Control groups for containers' memory and CPU limits, where this process may make them.

Version 1 as root; version 2 where the engine's own group was delegated to it and may have children. Elsewhere
the supervisor watches the memory, and nothing holds the CPU; detection.py says so.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_MOUNT: Final = Path("/sys/fs/cgroup")
_PERIOD_US: Final = 100_000
_PREFIX: Final = "homeport-"


@dataclass
class Group:
    """One container's control groups: how PID 1 enters them, and where memory is told."""

    enter_fds: list[int] = field(default_factory=list)
    memory_folder: Path | None = None

    def close(self) -> None:
        for number in self.enter_fds:
            os.close(number)
        self.enter_fds.clear()


class ControlGroups:
    """The groups of one engine. `memory` and `cpu` are folders to make groups in, or None."""

    def __init__(self, memory: Path | None, cpu: Path | None, version: int) -> None:
        self.memory = memory
        self.cpu = cpu
        self.version = version

    def create(self, task_id: str, memory_bytes: int | None, cpu: float | None) -> Group:
        """A group with these limits; what cannot be limited is left out."""
        group = Group()
        try:
            if memory_bytes is not None and self.memory is not None:
                group.memory_folder = self._limit_memory(self._make(self.memory, task_id), memory_bytes)
                self._add_entry(group, group.memory_folder)
            if cpu is not None and self.cpu is not None:
                folder = self._limit_cpu(self._make(self.cpu, task_id), cpu)
                if folder != group.memory_folder:
                    self._add_entry(group, folder)
        except OSError:
            group.close()
            self.remove(task_id)
            return Group()
        return group

    def remove(self, task_id: str) -> None:
        """No error where there is none, or where a process is still in it."""
        for parent in {self.memory, self.cpu} - {None}:
            with suppress(OSError):
                (parent / (_PREFIX + task_id)).rmdir()  # type: ignore[operator]

    def _make(self, parent: Path, task_id: str) -> Path:
        folder = parent / (_PREFIX + task_id)
        folder.mkdir(exist_ok=True)
        return folder

    def _limit_memory(self, folder: Path, limit_bytes: int) -> Path:
        if self.version == 1:
            (folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
            with suppress(OSError):  # only where swap is accounted
                (folder / "memory.memsw.limit_in_bytes").write_text(str(limit_bytes))
            return folder
        (folder / "memory.max").write_text(str(limit_bytes))
        with suppress(OSError):
            (folder / "memory.swap.max").write_text("0")
        with suppress(OSError):
            (folder / "memory.oom.group").write_text("1")
        return folder

    def _limit_cpu(self, folder: Path, cpu: float) -> Path:
        quota = max(1000, int(cpu * _PERIOD_US))
        if self.version == 1:
            (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (folder / "cpu.max").write_text(f"{quota} {_PERIOD_US}")
        return folder

    def _add_entry(self, group: Group, folder: Path) -> None:
        group.enter_fds.append(os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))


def find_control_groups(*, may_move: bool = True) -> ControlGroups:
    """What this process may use; makes and removes one group to be sure.

    With `may_move` it moves into a child of its own group where version 2 demands that: for the engine only.
    """
    own = _own_groups()
    if "" in own and not any(name in own for name in ("memory", "cpu")):
        return _find_version_2(_below(_MOUNT, own[""]), may_move)
    memory = _usable(_below(_MOUNT / "memory", own.get("memory", "/")), "memory.limit_in_bytes")
    cpu = _usable(_below(_MOUNT / "cpu", own.get("cpu", "/")), "cpu.cfs_quota_us")
    return ControlGroups(memory, cpu, 1)


def _own_groups() -> dict[str, str]:
    """Controller to this process's group; "" is version 2's."""
    groups: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            groups.update(dict.fromkeys(controllers.split(","), path))
    return groups


def _below(mount: Path, group: str) -> Path:
    """The group's folder; the mount itself where the path is one of outside a container that hides it."""
    folder = mount / group.lstrip("/")
    return folder if folder.is_dir() else mount


def _find_version_2(folder: Path, may_move: bool) -> ControlGroups:
    """A group with processes may not give controllers to its children, so the engine first moves into one."""
    if folder.name == f"{_PREFIX}engine":
        folder = folder.parent
    try:
        if not os.access(folder / "cgroup.procs", os.W_OK) or folder == _MOUNT:
            return ControlGroups(None, None, 2)
        if may_move and (folder / "cgroup.procs").read_text().split() == [str(os.getpid())]:
            (folder / f"{_PREFIX}engine").mkdir(exist_ok=True)
            (folder / f"{_PREFIX}engine" / "cgroup.procs").write_text(str(os.getpid()))
        for controller in ("memory", "cpu"):
            with suppress(OSError):
                (folder / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError:
        return ControlGroups(None, None, 2)
    return ControlGroups(_usable(folder, "memory.max"), _usable(folder, "cpu.max"), 2)


def _usable(folder: Path, file: str) -> Path | None:
    trial = folder / f"{_PREFIX}trial-{os.getpid()}"
    try:
        trial.mkdir()
        is_usable = os.access(trial / file, os.W_OK)
        trial.rmdir()
    except OSError:
        return None
    return folder if is_usable else None
