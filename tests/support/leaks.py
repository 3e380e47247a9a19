"""What a test left behind: containers, zombies, mounts, temporary files.

The tests' process makes itself the reaper of its orphans, so whatever the engine started, however often it
forked, stays among this process's descendants and is found by walking /proc.
"""

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.account import Account
from tests.support.waiting import wait_until

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Makes this process the parent of orphans below it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    state: str
    pid_namespaces: int  # 1 for a process of this machine, more inside a container
    command: str

    def __str__(self) -> str:
        return f"{self.pid} (parent {self.parent}, {self.state}) {self.command}"


def descendants(root: int) -> list[Process]:
    """All processes below `root`, zombies included."""
    everyone = [
        process
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (process := _read(int(entry.name)))
    ]
    found, known = [], {root}
    while True:
        more = [process for process in everyone if process.parent in known and process.pid not in known]
        if not more:
            return found
        found += more
        known |= {process.pid for process in more}


def _read(pid: int) -> Process | None:
    try:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Process(
        pid=pid,
        parent=int(status["PPid"]),
        state=status["State"].split()[0],
        pid_namespaces=len(status.get("NSpid", "1").split()),
        command=command.strip() or status["Name"].strip(),
    )


def reap_orphans() -> None:
    """Waits for dead orphans that became this process's children, as init does on a real machine."""
    here = os.getpid()
    for process in descendants(here):
        if process.parent == here and process.state == "Z":
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pass


def left_behind(account: Account) -> list[str]:
    """A line for each container process, zombie, task folder, mount and temporary file of this account."""
    reap_orphans()
    here = os.getpid()
    found = []
    for process in descendants(here):
        if process.state == "Z" and process.parent != here:
            found.append(f"zombie: {process}")
        elif process.pid_namespaces > 1 or process.command.startswith("/usr/bin/proot "):
            found.append(f"container process: {process}")
    tasks = account.engine_home / "t"
    if tasks.is_dir():
        found += [f"task folder: {task}" for task in tasks.iterdir() if task.is_dir()]
    found += [f"temporary file: {entry}" for entry in account.tmp.iterdir()]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount: {line}" for line in mounts if f" {account.base}" in line]
    return found


def assert_nothing_left(account: Account, timeout_s: float = 10) -> None:
    try:
        wait_until(lambda: not left_behind(account), timeout_s)
    except AssertionError:
        left = left_behind(account)
        assert not left, "left behind:\n" + "\n".join(left)
