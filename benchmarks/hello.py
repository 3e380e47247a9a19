"""The engine's share of `modal run hello.py` with the image built: 0.25 s.

The share is the wall time less that of the same command against a null server, which is what the client needs
for its own import and set-up. The two commands take turns.
"""

import sys
import time

from benchmarks.support.bench import Bench
from benchmarks.support.figures import Figure, median, quartiles

BAR_S = 0.25


def run(bench: Bench) -> list[Figure]:
    app = str(bench.app("hello.py"))
    server = bench.engine()
    first = bench.modal_s(server, "run", app)
    with bench.null() as null:
        bench.modal_s(null, "run", app)
        engine_s, null_s, import_s = [], [], []
        for _ in range(bench.runs):
            null_s.append(bench.modal_s(null, "run", app))
            engine_s.append(bench.modal_s(server, "run", app))
            import_s.append(_import_s(bench))
    share = [with_engine - without for with_engine, without in zip(engine_s, null_s, strict=True)]
    return [
        Figure(
            "engine's share of modal run hello.py",
            f"{BAR_S} s",
            median(share),
            "s",
            len(share),
            passed=median(share) <= BAR_S,
            reference="modal run against a null server",
            reference_value=median(null_s),
            ratio=median(engine_s) / median(null_s),
            spread=quartiles(share),
            parts={
                "whole command s": median(engine_s),
                "import modal s": median(import_s),
                "first run s": first,
            },
        )
    ]


def _import_s(bench: Bench) -> float:
    started = time.perf_counter()
    if bench.start([sys.executable, "-c", "import modal"]).wait():
        raise RuntimeError("the modal client cannot be imported")
    return time.perf_counter() - started
