"""Queue put and get: each 1.5 ms above a null server that keeps items in memory, p50, in turns.

The engine commits an item, and its removal, before it answers; the null server has a list.
"""

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles

BAR_MS = 1.5
BLOCK = 100
WARM_UP = 50


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    with bench.null() as null, caller(bench, server) as to_engine, caller(bench, null) as to_null:
        for each in (to_engine, to_null):
            each.ask(do="queue", count=WARM_UP)
        found: dict[str, tuple[list[float], list[float]]] = {"puts": ([], []), "gets": ([], [])}
        for _ in range(bench.runs):
            for number, each in enumerate((to_engine, to_null)):
                answer = each.ask(do="queue", count=BLOCK)
                for name, times in found.items():
                    times[number].append(median(answer[name]) * 1e3)
    return [_figure(name.removesuffix("s"), *times) for name, times in found.items()]


def _figure(name: str, engine_ms: list[float], null_ms: list[float]) -> Figure:
    above = [with_engine - without for with_engine, without in zip(engine_ms, null_ms, strict=True)]
    return Figure(
        f"Queue.{name} above a null server, p50",
        f"{BAR_MS} ms",
        median(above),
        "ms",
        len(above),
        passed=median(above) <= BAR_MS,
        reference="the same through a null server, ms",
        reference_value=median(null_ms),
        ratio=median(engine_ms) / median(null_ms),
        spread=quartiles(above),
        note=f"each run is the median of {BLOCK}",
        parts={"engine ms": median(engine_ms)},
    )
