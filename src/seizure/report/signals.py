"""EEG for the pictures, read from the cache a window at a time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seizure.cache.index import Index
from seizure.cache.shard import Shard
from seizure.errors import CacheError


class CacheSignals:
    """Windows of cached recordings in microvolts."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def excerpt_uv(
        self, recording_id: str, start_s: float, stop_s: float
    ) -> tuple[NDArray[np.float32], tuple[str, ...], int] | None:
        """(x_uv_CT, channels, rate_hz); zeros beyond the recording's end. None where it cannot be read."""
        info = self._index.by_id.get(recording_id)
        if info is None:
            return None
        first, length = round(start_s * info.rate_hz), round((stop_s - start_s) * info.rate_hz)
        try:
            with Shard(info) as shard:
                q_CT = shard.window(first, length)
        except CacheError:  # damaged, or built anew since
            return None
        scale_uv_C1 = np.array(info.scale_uv_C, np.float32)[:, None]
        return q_CT.astype(np.float32) * scale_uv_C1, info.channels, info.rate_hz


def bytes_on_disk(paths: list[Path]) -> int:
    """Of the files that are still there."""
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
