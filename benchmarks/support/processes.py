"""Processes of a benchmark: started as another user where asked, measured through /proc, ended for sure."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class User:
    """Whom engine and client run as. None: as the caller."""

    uid: int | None

    def popen(self, command: Sequence[str], env: Mapping[str, str], **options: Any) -> subprocess.Popen[str]:
        if self.uid is not None:
            options.update(user=self.uid, group=self.uid, extra_groups=[])
        return subprocess.Popen(list(command), env=dict(env), text=True, **options)

    def own(self, path: Path) -> None:
        """Gives a path to this user."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def __str__(self) -> str:
        uid = os.getuid() if self.uid is None else self.uid
        return "root" if uid == 0 else f"rootless (uid {uid})"


def cpu_s(pid: int) -> float:
    """CPU seconds of a live process and its threads, to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def threads_cpu_s(pid: int) -> float:
    """CPU seconds of a process's living threads, to the nanosecond: for processes that do next to nothing."""
    total = 0
    for schedstat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(schedstat.read_text().split()[0])
    return total / 1e9


def memory_mb(pid: int) -> dict[str, float]:
    """Resident, proportional and private memory of a process, in units of a million bytes."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = int(value.split()[0]) * 1024 / 1e6
    return {
        "rss": found["Rss"],
        "pss": found["Pss"],
        "private": found["Private_Clean"] + found["Private_Dirty"],
    }


def descendants(pid: int) -> list[int]:
    """Every living process below this one, by parent ids."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue  # it ended meanwhile
        children.setdefault(parent, []).append(int(stat.parent.name))
    found: list[int] = []
    pending = [pid]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


def end(process: subprocess.Popen[str], *, with_signal: int = signal.SIGTERM, wait_s: float = 20.0) -> None:
    """Asks a process to end, then makes sure."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
