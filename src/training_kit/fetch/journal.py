"""What earlier runs found out about a folder's files, so that a rerun need not ask or hash again.

One JSON line a fact, appended: a kill costs at most the last line. Nothing here is needed: where the journal
is missing or damaged, sizes are asked for and files are hashed again.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from training_kit import files
from training_kit.errors import FetchError

NAME = ".fetched.jsonl"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the server states it. `validator`: its ETag, or when it was changed; "" where neither."""

    size_bytes: int
    validator: str


@dataclass(frozen=True, slots=True)
class Checked:
    """A file whose bytes had this digest when it had this size and time of change."""

    size_bytes: int
    mtime_ns: int
    digest: str


class Journal:
    """The facts by path; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        self.remotes: dict[str, Remote] = {}
        self.checked: dict[str, Checked] = {}
        for path, kind, fact in _facts(self._path):
            match (kind, fact):
                case "remote", {"size_bytes": int(size), "validator": str(validator)}:
                    self.remotes[path] = Remote(size, validator)
                case "checked", {"size_bytes": int(size), "mtime_ns": int(mtime), "digest": str(digest)}:
                    self.checked[path] = Checked(size, mtime, digest)

    def note_remote(self, path: str, remote: Remote) -> None:
        self.remotes[path] = remote
        self._append(path, "remote", asdict(remote))

    def note_checked(self, path: str, checked: Checked) -> None:
        self.checked[path] = checked
        self._append(path, "checked", asdict(checked))

    def _append(self, path: str, kind: str, fact: dict[str, object]) -> None:
        line = json.dumps({"path": path, "kind": kind, "fact": fact})
        with self._lock, self._path.open("a") as out:
            out.write(f"\n{line}\n")  # begins a line: the one before may be torn


def _facts(path: Path) -> Iterator[tuple[str, str, dict[str, object]]]:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
            yield str(entry["path"]), str(entry["kind"]), dict(entry["fact"])
        except (ValueError, KeyError, TypeError):
            continue


@contextmanager
def sole_user(folder: Path) -> Iterator[None]:
    """Holds `folder` for one fetch at a time: two would write the same parts."""
    with (folder / ".fetching").open("w") as lock:
        if not files.try_lock(lock):
            raise FetchError(f"another fetch is at work in {folder}: wait for it, or choose another folder")
        yield
