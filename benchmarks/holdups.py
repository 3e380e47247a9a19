"""How long one run can hold up the engine, and so all others: the longest wait for an answer meanwhile.

Somebody who asks for a small page all the time, while an app with 390 sources runs, and while the
same app breaks its contract, so that all of them are looked through for the line that set a variable, and
while it prints long lines to a contract whose pattern is of the kind that grows with their square.
"""

import http.client
import json
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.support.bench import APPS, Bench, Server
from benchmarks.support.figures import Figure, median, quartiles

BAR_MS = 100.0  # a fifth of what a person notices of a log
SOURCES = 390  # of more than 400 none is looked through
FUNCTIONS = 40  # of each source
EVERY_S = 0.002
RUNS = 5


def run(bench: Bench) -> list[Figure]:
    project = _project(bench)
    with bench.own_engine() as server:
        app = str(project / "app.py")
        bench.modal_s(server, "run", f"{app}::train")  # builds the image
        longest: dict[str, list[float]] = {"kept": [], "broken": [], "lines": []}
        for _ in range(min(bench.runs, RUNS)):
            for how, found in longest.items():
                found.append(_longest_ms(server, partial(_modal, bench, server, app, how)))
    kept = median(longest.pop("kept"))
    names = {
        "broken": f"longest hold-up by a broken contract, {SOURCES} sources",
        "lines": "longest hold-up by a pattern and long lines that `re` takes long over",
    }
    return [
        Figure(
            names[how],
            f"{BAR_MS:g} ms",
            median(found),
            "ms",
            len(found),
            passed=median(found) <= BAR_MS,
            reference="the same run, contract kept",
            reference_value=kept,
            ratio=median(found) / kept,
            spread=quartiles(found),
        )
        for how, found in longest.items()
    ]


def _project(bench: Bench) -> Path:
    """benchmarks/apps/many_sources with as many modules as it says."""
    project = bench.scratch / "many_sources"
    shutil.copytree(APPS / "many_sources", project)
    body = "\n\n".join(
        f"def part_{number}(values):\n    found = dict(os.environ)\n    total = 0\n"
        f"    for value in values:\n        total += len(str(value)) * {number}\n    return total, found"
        for number in range(FUNCTIONS)
    )
    for number in range(SOURCES):
        (project / "library" / f"module_{number}.py").write_text(f"import os\n\n\n{body}\n")
    for path in (project, *project.rglob("*")):
        bench.user.own(path)
    return project


def _modal(bench: Bench, server: Server, app: str, how: str) -> None:
    process = bench.modal(server, "run", f"{app}::train", "--how", how)
    said = process.communicate()[0]
    if ("is broken" in said) != (how == "broken"):
        raise RuntimeError(f"the contract was not {how}:\n{said}")


def _longest_ms(server: Server, work: Callable[[], None]) -> float:
    """The longest that an answer took while something was done."""
    assert server.home is not None
    url = urlsplit(json.loads((server.home / "engine.json").read_text())["blob_url"])
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    is_over = threading.Event()
    longest = 0.0

    def ask() -> None:
        nonlocal longest
        while not is_over.wait(EVERY_S):
            began = time.perf_counter()
            connection.request("GET", "/")
            connection.getresponse().read()
            longest = max(longest, time.perf_counter() - began)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        work()
    finally:
        is_over.set()
        asking.join()
        connection.close()
    return longest * 1e3
