"""A root file system from packages, in a home of its own with nothing cached: 60 s on two cores.

The reference is mmdebstrap with the same packages from the same archive, as root, where it is installed.
"""

import resource
import shutil
import subprocess
import sys
import time

from benchmarks.support.bench import Bench
from benchmarks.support.figures import Figure, median, quartiles

BAR_S = 60.0
_MAKE = """
import asyncio, sys
from pathlib import Path
from homeport.model.home import Home
from homeport.runtime.apt import release_here
from homeport.runtime.debian_root import ensure_root
from homeport.runtime.layers import LayerStore
home = Home(Path(sys.argv[1]))
home.create()
asyncio.run(ensure_root(home, LayerStore(home), release_here(), lambda line: None))
"""


def run(bench: Bench) -> list[Figure]:
    runs = min(3, bench.runs)
    took, cpu = [], []
    reference: list[float] = []
    for _ in range(runs):
        before = _children_cpu_s()
        started = time.perf_counter()
        process = bench.start([sys.executable, "-c", _MAKE, str(bench.new_home() / "h")])
        if process.wait():
            raise RuntimeError("the root file system could not be made")
        took.append(time.perf_counter() - started)
        cpu.append(_children_cpu_s() - before)
        if (other := _mmdebstrap_s(bench)) is not None:
            reference.append(other)
    return [
        Figure(
            "root file system from packages, once",
            f"{BAR_S:.0f} s",
            median(took),
            "s",
            runs,
            passed=median(took) <= BAR_S,
            reference="mmdebstrap of the same packages" if reference else "",
            reference_value=median(reference) if reference else None,
            ratio=median(took) / median(reference) if reference else None,
            spread=quartiles(took),
            parts={"processor time s": median(cpu)},
        )
    ]


def _mmdebstrap_s(bench: Bench) -> float | None:
    from homeport.runtime.apt import release_here
    from homeport.runtime.debian_root import _PACKAGES

    if shutil.which("mmdebstrap") is None or bench.user.uid is not None:
        return None
    target = bench.scratch / "reference"
    packages = ",".join([*_PACKAGES.split(), "debian-archive-keyring"])
    started = time.perf_counter()
    command = ["mmdebstrap", "--variant=essential", f"--include={packages}", "--format=directory"]
    subprocess.run(
        [*command, release_here().codename, target], check=True, capture_output=True, env=bench.env()
    )
    took = time.perf_counter() - started
    shutil.rmtree(target)
    return took


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
