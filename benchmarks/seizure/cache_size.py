"""Bytes of an hour of 19 channels in the cache, by the length of the recordings, and what a corpus takes.

    .venv/bin/python -m benchmarks.seizure.cache_size [--quick]

Bar: 36 MB an hour (305 for overlapping float32 windows). Counted on the disk, headers and padding included.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.seizure.made_shards import make_shards
from seizure.cache import open_index

BAR_MB = 36.0
TUSZ_HOURS = 1474


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="without the longest recordings")
    given = parser.parse_args()
    for minutes in (1, 12) if given.quick else (1, 12, 60):
        with tempfile.TemporaryDirectory() as scratch:
            make_shards(Path(scratch), 2, minutes)
            shards = open_index(Path(scratch)).shards
            size_bytes = sum(shard.path.stat().st_size for shard in shards)
            allocated_bytes = sum(shard.path.stat().st_blocks * 512 for shard in shards)
            hours = sum(shard.duration_s for shard in shards) / 3600
            mb = max(size_bytes, allocated_bytes) / hours / 1e6
        verdict = "meets" if mb <= BAR_MB else "MISSES"
        print(
            f"recordings of {minutes:2d} min: {mb:5.2f} MB an hour   {verdict} {BAR_MB:g}   "
            f"{19 * 256 * 3600 * 4 / 1e6 / mb:.2f} times below float32; TUSZ {mb * TUSZ_HOURS / 1e3:.0f} GB"
        )


if __name__ == "__main__":
    main()
