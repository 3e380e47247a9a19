"""Files that are whole or absent: written under a temporary name beside their own, synced, then renamed.

Also locks that end with their process, by kill -9 too.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def write_text(path: Path, text: str) -> None:
    """Puts `text` (UTF-8) at `path`; a kill at any moment leaves the old file or the new one."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Puts `content` at `path`; a kill at any moment leaves the old file or the new one."""
    with whole(path) as file:
        file.write(content)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; {} where the file is missing, cut short, or holds anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes `path`'s place at the end; after an error inside, nothing has changed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def try_lock(file: IO[str]) -> bool:
    """Locks an open file until it is closed; False where another has it locked.

    On a file system without locks, such as some networks', there is nobody to ask: True.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask
