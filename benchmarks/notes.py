"""What taking notes costs: a read of a variable twice what it costs, a start 5 ms, work with files 3 %.

Interpreters with and without notes take turns, as containers' child Pythons have them. All times are of the
processor, so that other work of the machine counts little.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks.support.bench import Bench
from benchmarks.support.figures import Figure, median, quartiles
from homeport.runtime.inside import notes

BAR_READ, BAR_START_MS, BAR_FILES = 2.0, 5.0, 1.03
_SITE = """
import os, sys
if os.access({file!r}, os.W_OK):
    package = sys.modules["_homeport"] = type(sys)("_homeport")
    package.__path__ = [{inside!r}]
    from _homeport import notes
    notes.install({file!r}, {key!r}, ("/pkg/",))
    for name in [name for name in sys.modules if name.partition(".")[0] == "_homeport"]:
        del sys.modules[name]
"""
_READS = """
import json, os, time
os.environ["LIMIT"] = "50"
def cost(read, reads=20_000):
    best = float("inf")
    for _ in range(25):
        started = time.process_time_ns()
        for _ in range(reads):
            read()
        best = min(best, (time.process_time_ns() - started) / reads)
    return best
def nothing(): pass
def item(): os.environ["LIMIT"]
def get(): os.environ.get("LIMIT")
def missing(): os.environ.get("NONE")
empty = cost(nothing)
print(json.dumps({f.__name__: cost(f) - empty for f in (item, get, missing)}))
"""
_FIRST = """
import os, time
os.environ["LIMIT"] = "50"
os.environ.get("LIMIT")
started = time.process_time_ns()
for _ in range(2000):
    os.environ.get("LIMIT")
print((time.process_time_ns() - started) / 2000)
"""
_FILES = """
import os, sys, time, zlib
folder = sys.argv[1]
started = time.process_time_ns()
for n in range(10_000):
    with open(f"{folder}/{n}", "rb") as file:
        if sys.argv[2:]:
            zlib.compress(file.read())
print((time.process_time_ns() - started) / 1e9)
"""
_COPIES = """
import copy, time
data = [{"a": n, "b": [n, str(n)]} for n in range(5000)]
started = time.process_time_ns()
for _ in range(5):
    copy.deepcopy(data)
print((time.process_time_ns() - started) / 5e9)
"""


def run(bench: Bench) -> list[Figure]:
    ground = _Ground(bench.scratch / "notes")
    return [
        *_reads(ground, bench.runs),
        _starts(ground, bench.runs),
        *_files(ground, max(3, bench.runs // 4)),
    ]


class _Ground:
    """A folder with a notes file and what has an interpreter write it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "site").mkdir(parents=True)
        (folder / "files").mkdir()
        self.file = folder / notes.FILE
        (folder / notes.KEY).write_bytes(b"salt")
        site = _SITE.format(
            file=str(self.file), key=str(folder / notes.KEY), inside=str(Path(notes.__file__).parent)
        )
        (folder / "site/sitecustomize.py").write_text(site)
        subprocess.run([sys.executable, "-m", "compileall", "-q", folder / "site"], check=True)

    def output(self, program: str, *arguments: str, with_notes: bool) -> str:
        self.file.unlink(missing_ok=True)
        if with_notes:
            self.file.touch()
        env = {"PYTHONPATH": f"{self.folder}/site", "PATH": os.environ["PATH"]}
        line = [sys.executable, "-c", program, *arguments]
        return subprocess.run(line, env=env, check=True, capture_output=True, text=True).stdout


def _reads(ground: _Ground, runs: int) -> list[Figure]:
    kinds = ("item", "get", "missing")
    costs: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for _ in range(max(3, runs // 2)):
        for with_notes in (False, True):
            costs[with_notes].append(json.loads(ground.output(_READS, with_notes=with_notes)))
    first = [float(ground.output(_FIRST, with_notes=True)) for _ in range(runs)]
    found = []
    for kind in kinds:
        with_notes = [cost[kind] for cost in costs[True]]
        without = [cost[kind] for cost in costs[False]]
        ratio = min(with_notes) / min(without)
        found.append(
            Figure(
                f"a read of a variable ({kind})",
                f"{BAR_READ:.0f} times",
                min(with_notes),
                "ns",
                len(with_notes),
                passed=ratio <= BAR_READ,
                reference="without notes",
                reference_value=min(without),
                ratio=ratio,
                spread=quartiles(with_notes),
                parts={"one of the first 5,000 of a variable, ns": median(first)},
            )
        )
    return found


def _starts(ground: _Ground, runs: int) -> Figure:
    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(2 * runs):
        for with_notes in (False, True):
            before = _of_children_s()
            ground.output("", with_notes=with_notes)
            taken[with_notes].append((_of_children_s() - before) * 1e3)
    added = [one - other for one, other in zip(taken[True], taken[False], strict=True)]
    return Figure(
        "what notes add to a Python's start",
        f"{BAR_START_MS:.0f} ms",
        median(added),
        "ms",
        len(added),
        passed=median(added) <= BAR_START_MS,
        reference="a start without",
        reference_value=median(taken[False]),
        ratio=median(taken[True]) / median(taken[False]),
        spread=quartiles(added),
    )


def _of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _files(ground: _Ground, runs: int) -> list[Figure]:
    for number in range(10_000):
        (ground.folder / "files" / str(number)).write_bytes(os.urandom(4096) * 2)
    files = str(ground.folder / "files")
    found = []
    for name, line, bar in (
        ("10,000 files read and compressed (8 KiB each)", (_FILES, files, "compress"), BAR_FILES),
        ("10,000 files opened and closed", (_FILES, files), None),
        ("copy.deepcopy of 15,000 lists and dicts, which asks for id()", (_COPIES,), None),
    ):
        taken: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(runs):
            for with_notes in (False, True):
                output = ground.output(*line, with_notes=with_notes)
                taken[with_notes].append(float(output))
        ratio = min(taken[True]) / min(taken[False])
        found.append(
            Figure(
                name,
                f"{(bar - 1) * 100:.0f} % more" if bar else "reported",
                min(taken[True]),
                "s",
                runs,
                passed=ratio <= bar if bar else None,
                reference="without notes",
                reference_value=min(taken[False]),
                ratio=ratio,
                spread=quartiles(taken[True]),
            )
        )
    return found
