"""The small files of a home: who holds it, its token, where the engine answers.

`engine.json` is written last, by rename: who reads it can connect. The lock decides whether an engine is up,
not that file, which a killed engine leaves behind.
"""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home


@dataclass(frozen=True)
class Token:
    """What clients from outside show."""

    token_id: str
    token_secret: str


def take_home(home: Home) -> int:
    """Locks the home for this process as long as the returned file descriptor is open. Raises
    EngineUnavailableError, naming the process that has it."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise EngineUnavailableError(
            f"Another engine (pid {holder}) uses the home {home.root}. Stop it with homeport down, or set "
            "HOMEPORT_HOME to another folder."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def ensure_token(home: Home) -> Token:
    """The home's token, made at the engine's first start. Raises EngineUnavailableError where the file is
    there but cannot be used."""
    try:
        text = home.token_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        token = Token(f"ak-{secrets.token_hex(11)}", f"as-{secrets.token_hex(22)}")
        _write(home.token_file, {"token_id": token.token_id, "token_secret": token.token_secret})
        return token
    try:
        values = json.loads(text)
        return Token(str(values["token_id"]), str(values["token_secret"]))
    except (ValueError, KeyError, TypeError):
        raise EngineUnavailableError(
            f"The token file {home.token_file} is damaged. Remove it: the next start makes a new one."
        ) from None


def publish_endpoint(home: Home, endpoint: dict[str, Any]) -> None:
    """Says where the engine answers."""
    _write(home.endpoint_file, endpoint)


def withdraw_endpoint(home: Home) -> None:
    home.endpoint_file.unlink(missing_ok=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    """By rename, readable only by this user from the first moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
    fresh.rename(path)
