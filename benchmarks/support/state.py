"""What the engine wrote down about its tasks, read from its database while it runs."""

import sqlite3
from pathlib import Path


def task_times(home: Path, task_ids: list[str]) -> dict[str, dict[str, float]]:
    """For each task, in seconds since the epoch: `app_at` when its app was created, `enqueued_at` when the
    engine decided to start it, `started_at` when its process ran, `ready_at` when it first asked for one
    input."""
    found: dict[str, dict[str, float]] = {}
    database = sqlite3.connect(f"file:{home / 'state.db'}?mode=ro", uri=True)
    try:
        for task_id in task_ids:
            row = database.execute(
                "SELECT apps.created_at, enqueued_at, started_at, ready_at FROM tasks "
                "JOIN apps ON apps.app_id = tasks.app_id WHERE task_id = ?",
                (task_id,),
            ).fetchone()
            if row is None:
                raise RuntimeError(f"the engine's database knows no task {task_id}")
            names = ("app_at", "enqueued_at", "started_at", "ready_at")
            found[task_id] = {name: value or 0.0 for name, value in zip(names, row, strict=True)}
    finally:
        database.close()
    return found
