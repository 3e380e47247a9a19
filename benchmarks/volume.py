"""`modal volume put` of 1 GiB and `get`: 70 % of the speed to a discarding sink and from a plain file server.

Both commands are the real client's. Against the null server its blocks go to a sink that drops them, and come
from a file server that does nothing else; the client's hashing and writing is in both. Every upload has new
content in every block, or the engine would have the blocks already.
"""

import os
import shutil
from pathlib import Path

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles

GIB = 1024**3
BLOCK_BYTES = 8 * 1024 * 1024
BAR_SHARE = 0.7
NAME = "benchmark"
DISK_FOR_A_RUN = 3 * GIB  # the upload, its copy while it is taken in, the download


def run(bench: Bench) -> list[Figure]:
    source = bench.scratch / "gib"
    _write(source)
    bench.user.own(source)
    server = bench.engine()
    bench.modal_s(server, "volume", "create", NAME)
    put: dict[str, list[float]] = {"engine": [], "null": []}
    get: dict[str, list[float]] = {"engine": [], "null": []}
    with bench.null("--file", str(source), "--file-bytes", str(GIB)) as null:
        left = bench.runs
        while left > 0:
            for name, target in (("engine", server), ("null", null)):
                _change(source)
                put[name].append(bench.modal_s(target, "volume", "put", "--force", NAME, str(source), "/gib"))
                get[name].append(_get_s(bench, target))
            left -= 1
            if left == bench.runs - 1:
                left = bench.runs_of(put["engine"][0] + get["engine"][0]) - 1
            if shutil.disk_usage(bench.scratch).free < DISK_FOR_A_RUN:
                break
    source.unlink()
    return [
        _figure("modal volume put of 1 GiB", "a discarding sink", put),
        _figure("modal volume get of 1 GiB", "a plain file server", get),
    ]


def _figure(name: str, reference: str, seconds: dict[str, list[float]]) -> Figure:
    shares = [null / engine for null, engine in zip(seconds["null"], seconds["engine"], strict=True)]
    rates = [GIB / took / 1e6 for took in seconds["engine"]]
    return Figure(
        name,
        f"{BAR_SHARE:.0%} of {reference}",
        median(rates),
        "MB/s",
        len(rates),
        passed=median(shares) >= BAR_SHARE,
        reference=reference,
        reference_value=median([GIB / took / 1e6 for took in seconds["null"]]),
        ratio=median(shares),
        spread=quartiles(rates),
        note="" if len(rates) >= 20 else f"{len(rates)} runs: a run is long, or the disk is small",
        parts={"whole command s": median(seconds["engine"])},
    )


def _get_s(bench: Bench, server: Server) -> float:
    target = bench.scratch / "user" / "got"
    took = bench.modal_s(server, "volume", "get", "--force", NAME, "/gib", str(target))
    if target.stat().st_size != GIB:
        raise RuntimeError(f"modal volume get wrote {target.stat().st_size} bytes instead of {GIB}")
    target.unlink()
    return took


def _write(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(GIB // BLOCK_BYTES):
            file.write(os.urandom(BLOCK_BYTES))


def _change(path: Path) -> None:
    """New content in every block."""
    with path.open("r+b") as file:
        for start in range(0, GIB, BLOCK_BYTES):
            file.seek(start)
            file.write(os.urandom(16))
