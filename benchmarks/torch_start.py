"""The start of a second, unchanged `modal run` with torch in the image, to the user's first line.

Reported, without a bar: most of it is the client's import and torch's own.
"""

import itertools
import json
import time

from benchmarks.support.bench import Bench, Server
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.state import task_times

PARTS = (
    "client until its app is created s",
    "until the engine starts a container s",
    "container until the function is entered s",
    "import torch s",
    "line until it is shown s",
)


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    first, _ = _run_s(bench, server)  # builds the image
    second, _ = _run_s(bench, server)
    runs = [_run_s(bench, server) for _ in range(bench.runs_of(second))]
    took = [seconds for seconds, _ in runs]
    parts = {name: median([values[name] for _, values in runs]) for name in PARTS}
    return [
        Figure(
            "second modal run with torch, to the user's first line",
            "reported",
            median(took),
            "s",
            len(took),
            spread=quartiles(took),
            parts={**parts, "first run, image built, s": first},
        )
    ]


def _run_s(bench: Bench, server: Server) -> tuple[float, dict[str, float]]:
    """Seconds from the command to its first user's line on the screen, and what they are made of."""
    assert server.home is not None
    started, shown, line, output = time.time(), 0.0, None, []
    process = bench.modal(server, "run", str(bench.app("torch_app.py")))
    assert process.stdout is not None
    for text in process.stdout:
        output.append(text)
        if text.startswith("first line ") and line is None:
            shown, line = time.time(), json.loads(text.removeprefix("first line "))
    if process.wait() or line is None:
        raise RuntimeError(f"modal run torch_app.py showed no first line:\n{''.join(output)}")
    at = task_times(server.home, [line["task_id"]])[line["task_id"]]
    moments = [started, at["app_at"], at["enqueued_at"], line["entered_at"], line["printed_at"], shown]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return shown - started, dict(zip(PARTS, gaps, strict=True))
