"""Dicts and Queues as objects: made, found, listed, deleted; ephemeral ones go when their client is silent.

What they hold is left to dicts.py and queue_objects.py.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from homeport.control.environments import Environments
from homeport.control.expiry import Expiry
from homeport.model.errors import AlreadyExistsError, InvalidError, NotFoundError
from homeport.model.ids import DICT, QUEUE, new_id
from homeport.model.names import check_object_name
from homeport.store.database import Database

DICTS: Final = "Dict"
QUEUES: Final = "Queue"
EPHEMERAL_S: Final = 1200.0  # four signs of life of an ephemeral object's client, which come every 300 s
_PREFIXES: Final = {DICTS: DICT, QUEUES: QUEUE}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A Dict or a Queue. The name is empty for an ephemeral one."""

    object_id: str
    environment: str
    name: str
    created_at: float


class StoredObjects:
    """All objects of one kind, `DICTS` or `QUEUES`."""

    def __init__(
        self,
        db: Database,
        environments: Environments,
        expiry: Expiry,
        kind: str,
        *,
        ephemeral_s: float = EPHEMERAL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._environments = environments
        self._expiry = expiry
        self._kind = kind
        self._ephemeral_s = ephemeral_s
        self._clock = clock
        self.on_delete: list[Callable[[str], None]] = []
        expiry.add(self._expire)

    def open(self) -> None:
        """The time in which no engine ran does not count as silence."""
        self._db.run("excuse_ephemeral_objects", now=self._clock())

    def create(self, environment: str, name: str, *, fail_if_exists: bool = False) -> StoredObject:
        """The named object, made if it is not there. Raises AlreadyExistsError, InvalidError, NotFoundError
        for the environment."""
        environment = self._environments.name(environment)
        row = self._db.one("stored_object_by_name", kind=self._kind, environment=environment, name=name)
        if row is None:
            return self._add(environment, check_object_name(name, self._kind))
        if fail_if_exists:
            raise AlreadyExistsError(
                f"There is a {self._kind} {name!r} in environment {environment!r} already. Choose another "
                f"name, or delete it with: modal {self._kind.lower()} delete {name}"
            )
        return _object(row)

    def create_ephemeral(self, environment: str) -> StoredObject:
        """An object without a name, there as long as its client shows that it lives. Raises NotFoundError for
        the environment."""
        made = self._add(self._environments.name(environment), None)
        self._expiry.due(made.created_at + self._ephemeral_s)
        return made

    def lookup(self, environment: str, name: str) -> StoredObject:
        """Raises NotFoundError, which names the command that creates it, and InvalidError."""
        environment = self._environments.name(environment)
        if not name:
            raise InvalidError(f"A {self._kind} is looked up by its name; the name in this request is empty.")
        row = self._db.one("stored_object_by_name", kind=self._kind, environment=environment, name=name)
        if row is None:
            raise NotFoundError(
                f"{self._kind} {name!r} not found in environment {environment!r}. Create it with: modal "
                f"{self._kind.lower()} create {name}"
            )
        return _object(row)

    def get(self, object_id: str) -> StoredObject:
        """Raises NotFoundError."""
        row = self._db.one("stored_object_by_id", object_id=object_id, kind=self._kind)
        if row is None:
            raise NotFoundError(
                f"{self._kind} {object_id} does not exist (any more): it was deleted, or was an ephemeral "
                "one whose client is gone. Look it up by its name again, or make a new one."
            )
        return _object(row)

    def page(self, environment: str, before: float, limit: int) -> list[StoredObject]:
        """Named objects made before a time (0 for now), newest first. Raises NotFoundError for the
        environment."""
        rows = self._db.all(
            "stored_objects_before",
            kind=self._kind,
            environment=self._environments.name(environment),
            before=before or self._clock() + 1,
            limit=limit,
        )
        return [_object(row) for row in rows]

    def heartbeat(self, object_id: str) -> None:
        """An ephemeral object's client is alive. Raises NotFoundError."""
        self.get(object_id)
        self._db.run("stored_object_heartbeat", object_id=object_id, now=self._clock())

    def delete(self, object_id: str) -> None:
        """Deletes an object and all that it holds. Raises NotFoundError."""
        self.get(object_id)
        self._remove(object_id)

    def _remove(self, object_id: str) -> None:
        self._db.run("delete_stored_object", object_id=object_id)
        for notify in self.on_delete:
            notify(object_id)

    def _add(self, environment: str, name: str | None) -> StoredObject:
        now = self._clock()
        object_id = new_id(_PREFIXES[self._kind])
        self._db.run(
            "add_stored_object",
            object_id=object_id,
            kind=self._kind,
            environment=environment,
            name=name,
            created_at=now,
            heartbeat_at=None if name else now,
        )
        return StoredObject(object_id, environment, name or "", now)

    def _expire(self, now: float) -> float | None:
        limit = now - self._ephemeral_s
        for row in self._db.all("silent_ephemeral_objects", kind=self._kind, limit=limit):
            self._remove(row["object_id"])
        first = self._db.one("next_silent_ephemeral_object", kind=self._kind)
        seen = first["heartbeat_at"] if first is not None else None
        return None if seen is None else seen + self._ephemeral_s


def _object(row: sqlite3.Row) -> StoredObject:
    return StoredObject(row["object_id"], row["environment"], row["name"] or "", row["created_at"])
