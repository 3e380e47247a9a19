"""What apps were when they were loaded, kept until something that loading them read is another.

Loading takes as long as the app's own imports do, seconds where it imports torch. What comes of it depends on
the Python, the shell's variables and what was read of the disk, which the throw-away process notes
(inside/reads.py). Of files the content counts. The clock, chance, and what C code reads do not: a check that
must not rely on that asks for a fresh one.
"""

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homeport.check.inside import reads

FORMAT = 1
MOST = 64  # apps that are kept, by the shell's variables
MAX_READ_BYTES = 64 << 20  # of one app's files: more takes as long as loading it
MAX_KEPT_BYTES = 16 << 20
INSIDE = Path(reads.__file__).parent

# Variables that differ between two shells, or two moments of one, and say nothing
_PASSING = frozenset({"_", "SHLVL", "OLDPWD", "COLUMNS", "LINES", "WINDOWID", "PPID"})
_IMPORTABLE = (".py", ".so", ".dist-info", ".egg-info", ".egg-link")


class Kept:
    """The reports in `folder`, which may not be there yet. `took_s`: how long loading took, of the files that
    were loaded and kept, not found.
    """

    def __init__(self, folder: Path, *, is_fresh: bool = False) -> None:
        self._folder = folder
        self._is_fresh = is_fresh
        self.took_s: dict[Path, float] = {}

    def find(self, key: str) -> dict[str, Any] | None:
        """The report that was kept by this key, if all that it was made of is as it was."""
        if self._is_fresh:
            return None
        try:
            kept = json.loads((self._folder / f"{key}.json").read_bytes())
            current = _states([(path, how) for path, how, _ in kept["files"]])
            if current == [state for *_, state in kept["files"]]:
                report = kept["report"]
                return report if isinstance(report, dict) else None
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return None

    def keep(self, key: str, report: dict[str, Any], entry: Path, started_ns: int) -> None:
        """Keeps a report, unless it may be another one next time. What cannot be written is not kept."""
        if report["failure"] is not None or report["attempts"] or report["why_not_kept"]:
            return
        files = [(path, how) for path, how in report.pop("files")]
        states = _states(files)
        if states is None or any(_is_newer(path, how, started_ns) for path, how in files):
            return
        of_files = [[path, how, state] for (path, how), state in zip(files, states, strict=True)]
        data = json.dumps({"files": of_files, "report": report}).encode()
        if len(data) > MAX_KEPT_BYTES:
            return
        with contextlib.suppress(OSError):
            self._write(key, data)
            self.took_s[entry] = (time.time_ns() - started_ns) / 1e9

    def _write(self, key: str, data: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._folder / f"{key}.{os.getpid()}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        new.replace(self._folder / f"{key}.json")
        by_age = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[:-MOST]:
            path.unlink(missing_ok=True)


def key_of(asked: Mapping[str, Any], python: Path, folder: Path, environment: Mapping[str, str]) -> str:
    """What a report is kept by: all that loading depends on but for what it reads."""
    here = python.resolve()
    changed_ns = here.stat().st_mtime_ns if here.exists() else 0
    variables = sorted((name, value) for name, value in environment.items() if name not in _PASSING)
    said = [
        FORMAT,
        _version(),
        asked["entry"],
        asked["module"],
        str(python),
        str(here),
        changed_ns,
        str(folder),
    ]
    text = json.dumps([*said, variables])
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).hexdigest()[:40]


def _version() -> str:
    """Of the code that loads: another one may note other things."""
    digest = hashlib.sha256()
    for path in sorted(INSIDE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _states(files: list[tuple[str, str]]) -> list[str] | None:
    """What each path is now, as far as it mattered; None where that takes too long to say."""
    states, left = [], MAX_READ_BYTES
    for path, how in files:
        try:
            status = Path(path).stat()
            if how == reads.READ and stat.S_ISREG(status.st_mode):
                left -= status.st_size
                if left < 0:
                    return None
            states.append(_state(path, how, status))
        except (OSError, ValueError):
            states.append("missing")
    return states


def _state(path: str, how: str, status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        if how == reads.LOOKED_AT:
            return "folder"
        names = sorted(entry.name for entry in Path(path).iterdir())
        if how == reads.SEARCHED:
            names = [name for name in names if name.endswith(_IMPORTABLE) or "." not in name]
            names = [name for name in names if name != "__pycache__"]
        return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()
    if not stat.S_ISREG(status.st_mode):
        return "other"
    if how == reads.READ:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return f"{status.st_size} {status.st_mtime_ns}"


def _is_newer(path: str, how: str, started_ns: int) -> bool:
    """Whether a file was changed while it was read: what it held then is not known."""
    try:
        status = Path(path).stat()
    except OSError:
        return False
    return (
        how == reads.READ and stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= started_ns - 20_000_000
    )
