"""The log of every scoring of an eval split: `<results>/eval_log.jsonl`, one line each, only ever appended
to.

A score on eval means something once. A second one may have been chosen with the first in sight, so the log
makes it show.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "eval_log.jsonl"


def append(results: Path, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Appends one line, durably, before anyone sees the scores; gives the entries that were there before."""
    results.mkdir(parents=True, exist_ok=True)
    with (results / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two runs may end at once; the lock goes with the file
        file.seek(0)
        content = file.read()
        # what a kill cut short stays a line of its own
        line = json.dumps(dict(entry)).encode() + b"\n"
        file.write(line if not content or content.endswith(b"\n") else b"\n" + line)
        file.flush()
        os.fsync(file.fileno())
    return _entries(content)


def read(results: Path) -> list[dict[str, Any]]:
    """All entries, oldest first; lines that a kill cut short are left out."""
    try:
        return _entries((results / NAME).read_bytes())
    except FileNotFoundError:
        return []


def said_before(before: Sequence[Mapping[str, Any]], split_digest: str) -> str | None:
    """`eval has been scored 2 times before by a, b`; None for the first scoring of these recordings."""
    runs = [str(entry.get("run")) for entry in before if entry.get("split_digest") == split_digest]
    if not runs:
        return None
    times = "1 time" if len(runs) == 1 else f"{len(runs)} times"
    return f"eval has been scored {times} before by {', '.join(dict.fromkeys(runs))}: this is no first look"


def split_digest(recording_ids: Sequence[str]) -> str:
    """The same for the same recordings, in any order."""
    return hashlib.sha256("\n".join(sorted(recording_ids)).encode("utf-8", "surrogateescape")).hexdigest()


def _entries(content: bytes) -> list[dict[str, Any]]:
    entries = []
    for line in content.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries
