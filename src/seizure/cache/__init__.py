"""The cache of preprocessed recordings: int16, one memory-mapped shard a recording, labels in its header."""

from seizure.cache.index import Index, open_index
from seizure.cache.key import cache_key
from seizure.cache.quantise import dequantise, quantise, robust
from seizure.cache.shard import DamagedShardError, Shard, ShardInfo
from seizure.cache.windows import Batch, WindowSampler

__all__ = [
    "Batch",
    "DamagedShardError",
    "Index",
    "Shard",
    "ShardInfo",
    "WindowSampler",
    "cache_key",
    "dequantise",
    "open_index",
    "quantise",
    "robust",
]
