"""Reads an engine's database from another process, without a write and without waiting for the engine.

For the homeport command only: the engine itself uses database.py.
"""

import sqlite3
from pathlib import Path
from typing import Any, cast

from homeport.store.database import _load_queries


def containers(database: Path) -> list[sqlite3.Row]:
    """Tasks without an end: task_id, app_id, app, tag (the function's), started_at."""
    return _all(database, "status_containers")


def apps(database: Path) -> list[sqlite3.Row]:
    """Apps not stopped, newest first: app_id, environment, name, description, detached, created_at."""
    return _all(database, "status_apps")


def images(database: Path) -> list[sqlite3.Row]:
    """All images: their columns, `runs` (containers so far) and `last_use`."""
    return _all(database, "status_images")


def built_images(database: Path) -> list[sqlite3.Row]:
    """Of images that are built, the oldest first: image_id, definition, layers, python_series."""
    return _all(database, "status_built_images")


def image_apps(database: Path) -> list[sqlite3.Row]:
    """Pairs of image_id and the name of an app that asked for it or ran it."""
    return _all(database, "status_image_apps")


def image_steps(database: Path) -> list[sqlite3.Row]:
    """layer, instruction."""
    return _all(database, "status_image_steps")


def secrets(database: Path) -> list[sqlite3.Row] | None:
    """environment and name of the Secrets that have one; None where they cannot be read."""
    return _read(database, "status_secrets")


def _all(database: Path, query: str) -> list[sqlite3.Row]:
    """The query's rows; none where the database is missing, older than the tables, or busy."""
    return _read(database, query) or []


def _read(database: Path, query: str) -> list[sqlite3.Row] | None:
    if not database.exists():
        return None
    try:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.OperationalError:
        return None
    try:
        connection.row_factory = sqlite3.Row
        return connection.execute(_load_queries()[query]).fetchall()
    except sqlite3.OperationalError:
        return None
    finally:
        connection.close()


class ReadOnly:
    """The named queries on a database that somebody else writes: `one` and `all` as Database has them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queries = _load_queries()

    @classmethod
    def open(cls, database: Path) -> "ReadOnly | None":
        """None where there is no database, or it cannot be read."""
        if not database.exists():
            return None
        try:
            connection = sqlite3.connect(
                f"{database.as_uri()}?mode=ro", uri=True, timeout=2.0, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error:
            return None
        return cls(connection)

    def has_table(self, name: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,))
        return found.fetchone() is not None

    def one(self, query: str, **parameters: Any) -> sqlite3.Row | None:
        return cast(sqlite3.Row | None, self._connection.execute(self._queries[query], parameters).fetchone())

    def all(self, query: str, **parameters: Any) -> list[sqlite3.Row]:
        return self._connection.execute(self._queries[query], parameters).fetchall()

    def close(self) -> None:
        self._connection.close()
