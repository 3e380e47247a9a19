"""Small files beside the shards: whose cache folder it is, and which recordings a build is to put there.

Both only say what was asked for. Without them nothing is lost and nothing is deleted: the owner is read from
the shards again, and the next build writes down its recordings again.

    <cache folder>/cache.json          smoke or full, and the names of the configurations that used it
    <cache folder>/<key>/parts.json    the recordings of each part (train, val, eval), and settings
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seizure.cache.claim import folder_lock
from seizure.cache.index import shard_files
from seizure.cache.key import described
from seizure.cache.shard import DamagedShardError, read_info
from seizure.config.schema import Preprocessing
from seizure.corpus.skipped import Skipped
from seizure.errors import CacheError
from training_kit import files

OWNER = "cache.json"
PARTS = "parts.json"


def claim_cache(folder: Path, kind: str, name: str = "") -> None:
    """Makes the cache folder one of `kind` runs. Raises CacheError where it belongs to the other kind.

    Configurations of one kind may share it: the same preprocessing gives the same shards.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(folder):
            owner, names = _owner(folder)
            if owner not in ("", kind):
                raise CacheError(
                    f"{folder} belongs to {owner} runs ({', '.join(names) or 'by its shards'}) and this is a "
                    f"{kind} run: give it another cache.dir, such as --set cache.dir=cache/{kind}"
                )
            wanted = sorted({*names, *([name] if name else [])})
            said = json.dumps({"kind": kind, "names": wanted}) + "\n"
            if not (folder / OWNER).exists() or (folder / OWNER).read_text() != said:
                files.write_text(folder / OWNER, said)
    except OSError as error:
        raise CacheError(f"{folder}: {error.strerror}; --results DIR says where the cache is") from None


def _owner(folder: Path) -> tuple[str, list[str]]:
    """(kind, names) as the folder's file says, or else its shards; kind is "" where nothing does."""
    said = _read(folder / OWNER)
    kind, names = said.get("kind"), said.get("names")
    if isinstance(kind, str) and isinstance(names, list):
        return kind, [str(name) for name in names]
    for below in key_folders(folder):
        for path in shard_files(below)[:20]:  # more than one: a shard may be damaged, or of no run
            try:
                if kind := read_info(path).kind:
                    return kind, []
            except DamagedShardError:
                continue
    return "", []


def key_folders(folder: Path) -> list[Path]:
    """The folders of shards in a cache folder, or the folder itself where it is one."""
    if (folder / PARTS).exists() or shard_files(folder):
        return [folder]
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [path for path in below if (path / PARTS).exists() or shard_files(path)]


@dataclass(frozen=True, slots=True)
class Part:
    """What a build was asked for: recording ids, and why some of them are not in the cache."""

    recording_ids: tuple[str, ...]
    skipped: dict[str, str] = field(default_factory=dict)  # recording id: reason


def read_parts(folder: Path) -> dict[str, Part]:
    """By part's name, in the order of their builds; empty where nothing (or nonsense) is written down."""
    try:
        parts = _read(folder / PARTS).get("parts", {})
        return {
            str(name): Part(tuple(map(str, part["recordings"])), {**part["skipped"]})
            for name, part in parts.items()
        }
    except (AttributeError, KeyError, TypeError):
        return {}


def write_part(
    folder: Path,
    name: str,
    recording_ids: Sequence[str],
    skipped: Iterable[Skipped],
    settings: Preprocessing,
) -> None:
    """Replaces one part and keeps the others. Raises OSError."""
    with folder_lock(folder):
        parts = read_parts(folder)
        reasons = {one.recording_id: f"{one.fault.value}: {one.detail}" for one in skipped}
        parts[name] = Part(tuple(recording_ids), reasons)
        said = {
            "made_of": described(settings),
            "parts": {
                name: {"recordings": part.recording_ids, "skipped": part.skipped}
                for name, part in parts.items()
            },
        }
        files.write_text(folder / PARTS, json.dumps(said) + "\n")


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
