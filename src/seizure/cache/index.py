"""What a cache folder holds, read from the shards themselves each time it is opened.

There is no index file that could be stale, empty or missing: 4,667 headers are read in about half a second.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seizure.cache.shard import SUFFIX, DamagedShardError, ShardInfo, read_info, shard_path
from seizure.errors import CacheError

_READERS = 8  # threads: hides the delay of a network's file system


@dataclass(frozen=True)
class Index:
    """Sound shards of a folder by recording id, and the damaged ones with their reasons."""

    folder: Path
    shards: tuple[ShardInfo, ...]
    damaged: tuple[DamagedShardError, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, ShardInfo]:
        return {info.recording_id: info for info in self.shards}

    def __getitem__(self, recording_id: str) -> ShardInfo:
        """Raises CacheError where the recording is not in the cache."""
        try:
            return self.by_id[recording_id]
        except KeyError:
            raise CacheError(f"{self.folder}: no recording {recording_id}; run build-cache first") from None

    def only(self, recording_ids: Iterable[str]) -> Index:
        """These recordings alone, in this order. Raises CacheError naming those that are not in the cache."""
        wanted = list(recording_ids)
        missing = [recording_id for recording_id in wanted if recording_id not in self.by_id]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise CacheError(
                f"{self.folder}: {len(missing)} of {len(wanted)} recordings are not in the cache "
                f"({', '.join(missing[:3])}{more}); run build-cache first"
            )
        return Index(self.folder, tuple(self.by_id[recording_id] for recording_id in wanted))


def open_index(folder: Path) -> Index:
    """Reads the header of every shard in `folder`; a folder that is not there has none."""
    paths = shard_files(folder)
    with ThreadPoolExecutor(_READERS) as pool:
        outcomes = list(pool.map(_outcome, paths))
    return Index(
        folder,
        tuple(outcome for outcome in outcomes if isinstance(outcome, ShardInfo)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, DamagedShardError)),
    )


def shard_files(folder: Path) -> list[Path]:
    """Sorted; unfinished ones have another ending."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CacheError(f"{folder}: {error.strerror}") from None


def _outcome(path: Path) -> ShardInfo | DamagedShardError:
    try:
        info = read_info(path)
    except DamagedShardError as damaged:
        return damaged
    if path != shard_path(path.parent, info.recording_id):
        return DamagedShardError(path, f"a copy of recording {info.recording_id} under another name")
    return info
