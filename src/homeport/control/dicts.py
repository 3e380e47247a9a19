"""What Dicts hold: serialised keys and values, each gone after a week in which nobody used it.

Names and lives of Dicts are left to stored_objects.py, large values to large_values.py, the meaning of
the bytes to the client.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from homeport.control.expiry import Expiry
from homeport.control.large_values import LargeValue, Value
from homeport.control.stored_objects import StoredObjects
from homeport.plan.stored_limits import (
    ENTRY_KEPT_S,
    MAX_LENGTH_TOLD,
    USE_NOTED_EVERY_S,
    alive_since,
    check_updates,
)
from homeport.store.database import Database

_TOGETHER_S: Final = 3600.0  # entries that expire within an hour go together
_LISTED_AT_ONCE: Final = 200

Entry = tuple[bytes, Value]  # a key and its value


class Dicts:
    """The entries of all Dicts. Every method raises NotFoundError for a Dict that does not exist."""

    def __init__(
        self,
        db: Database,
        objects: StoredObjects,
        expiry: Expiry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._objects = objects
        self._expiry = expiry
        self._clock = clock
        expiry.add(self._expire)

    def get(self, dict_id: str, key: bytes) -> Value | None:
        """The key's value, None where it has none."""
        now = self._clock()
        row = self._db.one("dict_entry", dict_id=dict_id, key=key, alive=alive_since(now))
        if row is None:
            self._objects.get(dict_id)
            return None
        self._note_use(row["entry"], row["used_at"], now)
        return _value(row)

    def contains(self, dict_id: str, key: bytes) -> bool:
        now = self._clock()
        row = self._db.one("dict_entry_without_value", dict_id=dict_id, key=key, alive=alive_since(now))
        if row is None:
            self._objects.get(dict_id)
            return False
        self._note_use(row["entry"], row["used_at"], now)
        return True

    def length(self, dict_id: str) -> int:
        """How many entries, 100,000 at most."""
        self._objects.get(dict_id)
        row = self._db.one(
            "count_dict_entries", dict_id=dict_id, alive=alive_since(self._clock()), limit=MAX_LENGTH_TOLD
        )
        return int(row["entries"]) if row is not None else 0

    def update(self, dict_id: str, updates: Sequence[Entry], *, if_not_exists: bool = False) -> bool:
        """Sets entries, all or none; whether it did, which it does not where `if_not_exists` and it does.

        Raises InvalidError for too many or too large ones.
        """
        check_updates([len(key) + len(value) for key, value in updates], if_not_exists=if_not_exists)
        now = self._clock()
        with self._db.transaction():
            self._objects.get(dict_id)
            if if_not_exists:
                (key, value) = updates[0]
                self._db.run("delete_expired_dict_entry", dict_id=dict_id, key=key, alive=alive_since(now))
                row = {"dict_id": dict_id, "key": key, **_columns(value), "now": now}
                added = self._db.run("add_dict_entry", **row)
                if not added.rowcount:
                    return False
            else:
                rows = [{"dict_id": dict_id, "key": k, **_columns(v), "now": now} for k, v in updates]
                self._db.run_many("set_dict_entry", rows)
        self._expiry.due(now + ENTRY_KEPT_S + USE_NOTED_EVERY_S + _TOGETHER_S)
        return True

    def pop(self, dict_id: str, key: bytes) -> Value | None:
        """Removes an entry; its value, None where there was none."""
        with self._db.transaction():
            row = self._db.one("dict_entry", dict_id=dict_id, key=key, alive=alive_since(self._clock()))
            if row is None:
                self._objects.get(dict_id)
                return None
            self._db.run("delete_dict_entry", entry=row["entry"])
        return _value(row)

    def clear(self, dict_id: str) -> None:
        self._objects.get(dict_id)
        self._db.run("clear_dict", dict_id=dict_id)

    def contents(self, dict_id: str, *, values: bool) -> Iterator[Entry]:
        """All entries, oldest first; without their values unless wanted.

        Goes on from entry to entry: what is set or removed meanwhile is seen or not, nothing is seen twice
        under one key unless it was removed and set again.
        """
        self._objects.get(dict_id)
        after = 0
        while True:
            now = self._clock()
            rows = self._db.all(
                "dict_entries_after",
                dict_id=dict_id,
                after=after,
                alive=alive_since(now),
                limit=_LISTED_AT_ONCE,
            )
            for row in rows:
                after = row["entry"]
                if not values:
                    yield row["key"], b""
                    continue
                found = self._db.one("dict_value", entry=after)  # one at a time: they may be large
                if found is not None:
                    self._note_use(after, row["used_at"], now)
                    yield row["key"], _value(found)
            if len(rows) < _LISTED_AT_ONCE:
                return

    def _note_use(self, entry: int, used_at: float, now: float) -> None:
        """Keeps an entry that is read. By the hour only, so that reading is not writing."""
        if now - used_at >= USE_NOTED_EVERY_S:
            self._db.run("dict_entry_used", entry=entry, now=now)

    def _expire(self, now: float) -> float | None:
        self._db.run("delete_unused_dict_entries", before=alive_since(now))
        row = self._db.one("least_used_dict_entry")
        used_at = row["used_at"] if row is not None else None
        return None if used_at is None else used_at + ENTRY_KEPT_S + USE_NOTED_EVERY_S + _TOGETHER_S


def _value(row: sqlite3.Row) -> Value:
    value: bytes = row["value"]
    return value if row["file"] is None else LargeValue(row["file"], row["file_bytes"])


def _columns(value: Value) -> dict[str, bytes | str | int | None]:
    if isinstance(value, bytes):
        return {"value": value, "file": None, "file_bytes": 0}
    return {"value": b"", "file": value.file, "file_bytes": value.size_bytes}
