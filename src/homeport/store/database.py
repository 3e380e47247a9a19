"""One SQLite database in WAL mode: opening, migrations, named queries.

All access is from the engine's event loop thread; each call is a few microseconds to a few hundred, so there
is no pool and no thread. `synchronous=NORMAL` survives a killed process; only a power cut may lose the last
moments, never consistency.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

from homeport.model.errors import EngineUnavailableError

_NAME = re.compile(r"^--\s*name:\s*(\w+)\s*$", re.MULTILINE)


class Database:
    """A connection whose statements come from queries/*.sql by name: `db.one("app_by_id", id=…)`."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)  # Secrets lie here
        self._connection.row_factory = sqlite3.Row
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "busy_timeout=5000",
            "wal_autocheckpoint=4000",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._queries = _load_queries()
        self._depth = 0
        _migrate(self._connection)

    def run(self, query: str, **parameters: Any) -> sqlite3.Cursor:
        """Executes a named query and returns its cursor."""
        return self._connection.execute(self._queries[query], parameters)

    def run_many(self, query: str, rows: Sequence[dict[str, Any]]) -> None:
        """Executes a named query once for each row, in one transaction."""
        with self.transaction():
            self._connection.executemany(self._queries[query], rows)

    def one(self, query: str, **parameters: Any) -> sqlite3.Row | None:
        return cast(sqlite3.Row | None, self.run(query, **parameters).fetchone())

    def all(self, query: str, **parameters: Any) -> list[sqlite3.Row]:
        return self.run(query, **parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested use joins the outer one. Nothing slow may happen inside."""
        if self._depth:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        else:
            self._connection.execute("COMMIT")
        finally:
            self._depth -= 1

    def close(self) -> None:
        self._connection.close()


@cache
def _load_queries() -> Mapping[str, str]:
    """Texts by name, read once in a process."""
    found: dict[str, str] = {}
    for file in sorted(
        (resources.files("homeport.store") / "queries").iterdir(), key=lambda entry: entry.name
    ):
        if not file.name.endswith(".sql"):
            continue
        parts = _NAME.split(file.read_text(encoding="utf-8"))[1:]
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            assert name not in found, f"query {name} is defined twice, the second time in {file.name}"
            found[name] = text.strip()
    return found


def _migrate(connection: sqlite3.Connection) -> None:
    """Applies migrations/NNNN_*.sql that this database has not seen, each in a transaction of its own."""
    files = sorted(
        (f for f in (resources.files("homeport.store") / "migrations").iterdir() if f.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    newest = int(files[-1].name.split("_")[0]) if files else 0
    if version > newest:
        raise EngineUnavailableError(
            f"The state in this home was written by a newer Homeport (schema {version}, this one knows "
            f"{newest}). Upgrade Homeport, or set HOMEPORT_HOME to another folder."
        )
    for file in files:
        number = int(file.name.split("_")[0])
        if number > version:
            connection.executescript(
                f"BEGIN;\n{file.read_text(encoding='utf-8')}\nPRAGMA user_version={number};\nCOMMIT;"
            )
