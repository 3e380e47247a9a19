"""Has the modal command note what it does with its environment: runs/launches/PID-STARTED.jsonl of the home.

The file is made here, and as_modal.py, which becomes the modal command, writes it. The engine finds it by the
process. Where it cannot be made, the command runs without.
"""

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from homeport.cli.service import Token
from homeport.model.home import Home
from homeport.runtime.processes import started_ticks

_KEPT_S: Final = 24 * 3600.0
_BOOTSTRAP: Final = Path(__file__).with_name("as_modal.py")


def noting(
    command: list[str], home: Home, token: Token, typed: Sequence[str], *, then: str = ""
) -> list[str]:
    """A command line that does the same as the modal command that it is given, and takes notes. `typed`: the
    words behind `homeport`, its own options included; control/runs/launchers.py finds them there. `then`: the
    module that has the last word on the exit status."""
    if not _is_python(command[0]):
        return command
    try:
        file = _make_file(home.runs / "launches", token)
    except OSError:
        return command
    return [sys.executable, str(_BOOTSTRAP), str(file), then, str(len(typed)), *typed, *command]


def _is_python(script: str) -> bool:
    try:
        with Path(script).open("rb") as file:
            return b"python" in file.readline(256) + file.readline(256)  # the second where the first is sh's
    except OSError:
        return False


def _make_file(folder: Path, token: Token) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_old(folder)
    path = folder / f"{os.getpid()}-{started_ticks(os.getpid())}.jsonl"
    key = folder / "notes.key"
    salt = hashlib.sha256(token.token_secret.encode()).digest()  # as build.py has it for containers
    if not key.exists() or key.read_bytes() != salt:
        draft = folder / f"notes.key.{os.getpid()}"
        draft.write_bytes(salt)
        draft.chmod(0o600)
        draft.rename(key)
    path.touch(mode=0o600)
    return path


def _remove_old(folder: Path) -> None:
    oldest = time.time() - _KEPT_S
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.name.endswith(".jsonl") and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    Path(entry).unlink()
