"""The cache of preprocessed recordings: int16, one memory-mapped shard a recording, labels in its header."""

from seizure.cache.build import BuildResult, build_cache
from seizure.cache.index import Index, open_index
from seizure.cache.key import cache_key
from seizure.cache.owner import claim_cache
from seizure.cache.quantise import dequantise, quantise, robust
from seizure.cache.scan import Scan, scan_cache
from seizure.cache.shard import DamagedShardError, Shard, ShardInfo
from seizure.cache.windows import Batch, WindowSampler

__all__ = [
    "Batch",
    "BuildResult",
    "DamagedShardError",
    "Index",
    "Scan",
    "Shard",
    "ShardInfo",
    "WindowSampler",
    "build_cache",
    "cache_key",
    "claim_cache",
    "dequantise",
    "open_index",
    "quantise",
    "robust",
    "scan_cache",
]
