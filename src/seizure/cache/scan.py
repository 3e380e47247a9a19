"""How much of a cache is built, and whether it is sound: from the shards, while a build runs or after it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from seizure.cache.crew import usable_cores
from seizure.cache.index import open_index
from seizure.cache.owner import Part, key_folders, read_parts
from seizure.cache.shard import DamagedShardError, Shard, ShardInfo, encode_header
from seizure.errors import CacheError


@dataclass(frozen=True, slots=True)
class PartScan:
    """One part of a build (train, val, eval; "" for all shards of the folder)."""

    name: str
    there: int
    expected: int | None  # None: nothing says how many
    skipped: int = 0  # recordings that a finished build could not use
    seizures: int = 0
    seizure_s: float = 0.0
    hours: float = 0.0

    @property
    def is_complete(self) -> bool:
        return self.expected is not None and self.there + self.skipped >= self.expected

    def words(self) -> str:
        of = "" if self.expected is None else f"/{self.expected}"
        left_out = f" ({self.skipped} left out)" if self.skipped else ""
        return f"{self.there}{of}{' ' + self.name if self.name else ''}{left_out}"


@dataclass(frozen=True, slots=True)
class Scan:
    """One folder of shards."""

    folder: Path
    parts: tuple[PartScan, ...]
    damaged: tuple[DamagedShardError, ...]
    size_bytes: int
    is_deep: bool

    @property
    def state(self) -> Literal["complete", "incomplete", "damaged"]:
        if self.damaged:
            return "damaged"
        return "complete" if all(part.is_complete for part in self.parts) else "incomplete"

    def lines(self) -> Iterator[str]:
        counts = ", ".join(part.words() for part in self.parts)
        yield f"{counts}  {self.folder} ({self.state}, {self.size_bytes / 1e6:.1f} MB)"
        for part in self.parts:
            name = f"{part.name}: " if part.name else ""
            yield f"  {name}{part.hours:.1f} h, {part.seizures} seizures of {part.seizure_s:.0f} s"
        if all(part.expected is None for part in self.parts):
            yield "  nothing says how many recordings are expected: give --expect N, or build again"
        for damaged in self.damaged:
            yield f"  damaged: {damaged}"

    def as_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "state": self.state,
            "size_bytes": self.size_bytes,
            "deep": self.is_deep,
            "parts": [
                {
                    "name": part.name,
                    "there": part.there,
                    "expected": part.expected,
                    "skipped": part.skipped,
                    "seizures": part.seizures,
                    "seizure_s": part.seizure_s,
                    "hours": part.hours,
                }
                for part in self.parts
            ],
            "damaged": [{"path": str(one.path), "reason": one.reason} for one in self.damaged],
        }


def scan_cache(folder: Path, expected: int | None = None, *, deep: bool = False) -> Scan:
    """Looks at one folder of shards, or at the one of a cache folder that was built into last.

    `expected` is how many shards there should be; without it, what the builds wrote down is held against
    the shards, part by part. With `deep` every sample is read. Raises CacheError where there is no cache.
    """
    folders = key_folders(folder)
    if not folders:
        raise CacheError(f"{folder}: no cache is here; <results>/cache/<name> has one after build-cache")
    return _scan(max(folders, key=lambda below: below.stat().st_mtime_ns), expected, deep)


def _scan(folder: Path, expected: int | None, deep: bool) -> Scan:
    index = open_index(folder)
    damaged = list(index.damaged)
    if deep:
        with ThreadPoolExecutor(usable_cores()) as pool:
            damaged += [found for found in pool.map(_deep, index.shards) if found is not None]
    bad = {one.path for one in damaged}
    sound = {info.recording_id: info for info in index.shards if info.path not in bad}
    parts = {} if expected is not None else read_parts(folder)
    scans = tuple(_part(name, part, sound) for name, part in parts.items())
    everything = _counted("", list(sound.values()), expected)
    size_bytes = sum(info.size_bytes for info in index.shards)
    return Scan(folder, scans or (everything,), tuple(damaged), size_bytes, deep)


def _part(name: str, part: Part, sound: dict[str, ShardInfo]) -> PartScan:
    there = [sound[one] for one in part.recording_ids if one in sound]
    skipped = sum(one not in sound for one in part.skipped)
    return _counted(name, there, len(part.recording_ids), skipped)


def _counted(name: str, there: list[ShardInfo], expected: int | None, skipped: int = 0) -> PartScan:
    return PartScan(
        name,
        len(there),
        expected,
        skipped,
        seizures=sum(len(info.seizures) for info in there),
        seizure_s=sum(info.seizure_s for info in there),
        hours=sum(info.duration_s for info in there) / 3600,
    )


def _deep(info: ShardInfo) -> DamagedShardError | None:
    try:
        with Shard(info) as shard:
            if shard.data_crc32() != info.data_crc32:
                return DamagedShardError(info.path, "the samples' checksum is wrong")
        with info.path.open("rb") as file:
            if file.read(info.data_start) != encode_header(info, info.data_start):
                return DamagedShardError(info.path, "bytes beside the header that are not zero")
    except DamagedShardError as damaged:
        return damaged
    except OSError as error:
        return DamagedShardError(info.path, str(error.strerror))
    return None
