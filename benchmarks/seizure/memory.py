"""Peak memory of a build by two processes, and of training's loader, whatever the recordings' length.

    .venv/bin/python -m benchmarks.seizure.memory [--quick] [--hours 24]

Bar: 1.5 GB each. Memory is the sum of the proportional sets (Pss) of all processes, sampled every 50 ms:
pages that processes share count once, and pages of files that they have mapped do count. One recording of
the corpus is of `--hours`, the others of a minute.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.seizure.made_shards import make_shards

BAR_BYTES = 1.5e9

BUILD = """
import sys
from pathlib import Path
from seizure.cache import build_cache
from seizure.config.schema import Preprocessing
from seizure.corpus import discover, read_all_annotations
recordings = discover(Path(sys.argv[1]))
annotations = read_all_annotations(recordings).annotations
result = build_cache(recordings, annotations, Preprocessing(), Path(sys.argv[2]), processes=2)
assert len(result.shards) == len(recordings), result.skipped
"""

LOAD = """
import sys
from pathlib import Path
from seizure.cache import WindowSampler, open_index
index = open_index(Path(sys.argv[1]))
ids = [shard.recording_id for shard in index.shards]
with WindowSampler(index, ids, 15360, 0.5, 64, 0, workers=2) as sampler:
    for _ in range(int(sys.argv[2])):
        next(sampler)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a long recording of three hours")
    parser.add_argument("--hours", type=float, default=24)
    given = parser.parse_args()
    hours = 3 if given.quick else given.hours
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_recordings(root / "corpus", hours, short=4)
        report("build, 2 processes", hours, peak_bytes(BUILD, root / "corpus", root / "cache"))
        make_shards(root / "shards", 4, 60 * hours / 4)
        make_shards(root / "shards", 300, 2, "bbbb")
        report("loader, batches of 64", hours, peak_bytes(LOAD, root / "shards", 40 if given.quick else 200))


def report(what: str, hours: float, peak: int) -> None:
    verdict = "meets" if peak <= BAR_BYTES else "MISSES"
    print(f"{what:24s} recordings up to {hours:g} h: {peak / 1e9:5.2f} GB   {verdict} 1.5 GB")


def peak_bytes(program: str, *arguments: object) -> int:
    """Runs a program, and gives the most memory that it and its children had at once."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    process, peak = subprocess.Popen(command), 0
    while process.poll() is None:
        peak = max(peak, sum(map(pss_bytes, family(process.pid))))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the measured program failed: exit status {process.returncode}")
    return peak


def family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def pss_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def make_recordings(root: Path, hours: float, short: int) -> None:
    """TUSZ's layout: one long recording and a few of a minute, 19 channels at 250 Hz."""
    minutes = {f"aaaa{number:04d}_s001_t000": 1.0 for number in range(short)} | {
        "zzzz0000_s001_t000": hours * 60
    }
    for name, length_min in minutes.items():
        folder = root / "edf" / "train" / name[:8] / "s001_2020" / "01_tcp_ar"
        folder.mkdir(parents=True)
        write_edf(folder / f"{name}.edf", length_min)
        lines = ["# version = csv_v1.0.0", f"# bname = {name}", f"# duration = {length_min * 60:.4f} secs"]
        lines += ["# montage_file = none", "#", "channel,start_time,stop_time,label,confidence"]
        lines += ["TERM,10.0000,20.0000,seiz,1.0000"]
        (folder / f"{name}.csv_bi").write_text("\n".join(lines) + "\n")


def write_edf(path: Path, minutes: float) -> None:
    """An EDF of noise, written record by record: edfio would hold a day's samples in memory."""
    from seizure.signal.channels import REFERENTIAL19

    labels = [f"EEG {name.upper()}-REF" for name in REFERENTIAL19]
    records = round(minutes * 60)
    widths = [(16, labels), (80, [""] * 19), (8, ["uV"] * 19), (8, ["-3276.8"] * 19), (8, ["3276.7"] * 19)]
    widths += [(8, ["-32768"] * 19), (8, ["32767"] * 19), (80, [""] * 19), (8, ["250"] * 19), (32, [""] * 19)]
    head = f"{'0':8}{'X X X X':80}{'Startdate X X X X':80}01.01.0000.00.00"
    head += f"{256 * 20:<8}{'':44}{records:<8}{'1':8}{19:<4}"
    random = np.random.default_rng(0)
    block = (random.standard_normal((60, 19, 250)) * 300).astype("<i2").tobytes()
    with path.open("wb") as file:
        file.write(
            (head + "".join(f"{value:{width}}" for width, values in widths for value in values)).encode()
        )
        for start in range(0, records, 60):
            file.write(block[: min(60, records - start) * 19 * 500])


if __name__ == "__main__":
    main()
