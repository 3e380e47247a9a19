"""What a home holds right now, read from outside: live containers, apps, size on disk.

Whether a container lives is told by its lock, not by the database, which a killed engine leaves as it was.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from homeport.cli.service import lock_holders
from homeport.model.home import Home


@dataclass(frozen=True)
class Container:
    """A container whose supervisor lives. Names are empty where the database does not tell them."""

    task_id: str
    function: str
    app_id: str
    app: str
    started_at: float | None

    @property
    def described(self) -> str:
        return f"{self.function} of {self.app or self.app_id}" if self.function else "function unknown"


def live_containers(home: Home) -> list[Container]:
    """The containers of this home that run, oldest first."""
    try:
        folders = [entry.name for entry in os.scandir(home.tasks) if entry.is_dir()]
    except OSError:
        return []
    live = [task_id for task_id in folders if lock_holders(home.tasks / task_id / "lock")]
    if not live:
        return []
    from homeport.store.reader import containers  # SQLite, only where there is something to look up

    known = {row["task_id"]: row for row in containers(home.database)}
    found = [
        Container(
            task_id,
            known[task_id]["tag"] or "",
            known[task_id]["app_id"],
            known[task_id]["app"] or "",
            known[task_id]["started_at"],
        )
        if task_id in known
        else Container(task_id, "", "", "", None)
        for task_id in live
    ]
    return sorted(found, key=lambda container: container.started_at or 0.0)


def count(containers: list[Container]) -> str:
    return "1 container" if len(containers) == 1 else f"{len(containers)} containers"


def size_bytes(root: Path, *, limit_s: float) -> tuple[int, bool]:
    """Disk space that a folder takes, hard links once, and whether all of it was seen within the limit."""
    deadline = time.monotonic() + limit_s
    total, seen, pending = 0, set[tuple[int, int]](), [root]
    while pending:
        if time.monotonic() > deadline:
            return total, False
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            total += status.st_blocks * 512
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
    return total, True
