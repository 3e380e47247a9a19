"""Secrets: named or an app's own environment variables.

Values are handed to containers' environments by `values` and to nobody else: no message, log line or
representation holds one.
"""

import json
import re
import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from homeport.model.errors import AlreadyExistsError, InvalidError, NotFoundError, ResourceExhaustedError
from homeport.model.ids import SECRET, new_id
from homeport.store.database import Database

MAX_KEY_CHARACTERS = 16_384
MAX_VALUE_CHARACTERS = 32_768
_KEY = re.compile(r"^[^=\0]+$")


@dataclass(frozen=True)
class Secret:
    """What may be told of a secret: its keys, not its values."""

    secret_id: str
    environment: str
    name: str
    keys: tuple[str, ...]
    created_at: float
    last_used_at: float
    app_id: str = field(default="", repr=False)


class Secrets:
    """Makes, changes, finds and forgets secrets."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create_anonymous(self, environment: str, env: Mapping[str, str], app_id: str = "") -> Secret:
        """An app's own secret (`Secret.from_dict`). Raises as `create` does."""
        _check(env)
        return self._add(environment, None, env, app_id)

    def create(
        self,
        environment: str,
        name: str,
        env: Mapping[str, str],
        *,
        overwrite: bool = False,
        fail_if_exists: bool = False,
    ) -> Secret:
        """The named secret, made if it is not there. An existing one keeps its values unless `overwrite`.

        Raises AlreadyExistsError, InvalidError for a key that cannot be a variable's name,
        ResourceExhaustedError for one that is too long.
        """
        _check(env)
        with self._db.transaction():
            row = self._db.one("secret_by_name", environment=environment, name=name)
            if row is None:
                return self._add(environment, name, env, "")
            if fail_if_exists:
                raise AlreadyExistsError(
                    f"There is a Secret {name!r} in environment {environment!r} already. Replace it with: "
                    f"modal secret create --force {name} KEY=VALUE"
                )
            if overwrite:
                self._db.run("set_secret_env", secret_id=row["secret_id"], env=json.dumps(dict(env)))
            return self.get(row["secret_id"])

    def lookup(self, environment: str, name: str, required_keys: Collection[str] = ()) -> Secret:
        """The named secret. Raises NotFoundError where it, or a key that is required of it, does not
        exist.
        """
        row = self._db.one("secret_by_name", environment=environment, name=name)
        if row is None:
            keys = " ".join(f"{key}=VALUE" for key in required_keys) or "KEY=VALUE"
            raise NotFoundError(
                f"Secret {name!r} not found in environment {environment!r}. Create it with: modal secret "
                f"create {name} {keys}"
            )
        secret = _secret(row)
        missing = [key for key in required_keys if key not in secret.keys]
        if missing:
            raise NotFoundError(
                f"Secret {name!r} in environment {environment!r} lacks the required key"
                f"{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
                f"{', '.join(secret.keys) or 'none'}. Create it anew with every key: modal secret create "
                f"--force {name} KEY=VALUE ..."
            )
        return secret

    def get(self, secret_id: str) -> Secret:
        """Raises NotFoundError."""
        return _secret(self._row(secret_id))

    def values(self, secret_id: str) -> Mapping[str, str]:
        """Keys and values, for a container's environment. Raises NotFoundError."""
        row = self._row(secret_id)
        self._db.run("secret_used", secret_id=secret_id, now=time.time())
        env: dict[str, str] = json.loads(row["env"])
        return env

    def update(self, secret_id: str, changes: Mapping[str, str | None]) -> None:
        """Sets keys, or removes those whose new value is None. Raises as `create` and NotFoundError."""
        env: dict[str, str] = json.loads(self._row(secret_id)["env"])
        for key, value in changes.items():
            if value is None:
                env.pop(key, None)
            else:
                env[key] = value
        _check(env)
        self._db.run("set_secret_env", secret_id=secret_id, env=json.dumps(env))

    def delete(self, secret_id: str) -> None:
        """Raises NotFoundError."""
        self._row(secret_id)
        self._db.run("delete_secret", secret_id=secret_id)

    def page(self, environment: str, before: float, limit: int) -> list[Secret]:
        """Named secrets made before a time, newest first."""
        rows = self._db.all("secrets_before", environment=environment, before=before, limit=limit)
        return [_secret(row) for row in rows]

    def _add(self, environment: str, name: str | None, env: Mapping[str, str], app_id: str) -> Secret:
        secret_id = new_id(SECRET)
        self._db.run(
            "add_secret",
            secret_id=secret_id,
            environment=environment,
            name=name,
            app_id=app_id,
            env=json.dumps(dict(env)),
            created_at=time.time(),
        )
        return self.get(secret_id)

    def _row(self, secret_id: str) -> sqlite3.Row:
        row = self._db.one("secret_by_id", secret_id=secret_id)
        if row is None:
            raise NotFoundError(
                f"Secret {secret_id} does not exist (any more). Run or deploy the app again after: modal "
                "secret create NAME KEY=VALUE"
            )
        return row


def _secret(row: sqlite3.Row) -> Secret:
    return Secret(
        row["secret_id"],
        row["environment"],
        row["name"] or "",
        tuple(json.loads(row["env"])),
        row["created_at"],
        row["last_used_at"],
        row["app_id"],
    )


def _check(env: Mapping[str, str]) -> None:
    """Raises InvalidError or ResourceExhaustedError, naming keys but never a value."""
    for key, value in env.items():
        if not _KEY.match(key):
            raise InvalidError(f"{key[:80]!r} cannot be the name of an environment variable in a Secret.")
        if len(key) > MAX_KEY_CHARACTERS:
            raise ResourceExhaustedError(
                f"A key of a Secret is {len(key)} characters long; the limit is {MAX_KEY_CHARACTERS}."
            )
        if len(value) > MAX_VALUE_CHARACTERS:
            raise ResourceExhaustedError(
                f"The value of key {key[:80]!r} is {len(value)} characters long; the limit of a Secret is "
                f"{MAX_VALUE_CHARACTERS}."
            )
        if "\0" in value:
            raise InvalidError(
                f"The value of key {key[:80]!r} holds a NUL, which no environment variable can."
            )
