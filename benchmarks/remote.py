"""A warm `.remote()`: 1.5 ms above a null server in memory, p50, both measured in the same run.

The null server passes the input to the real container entrypoint (a plain process) and its result back, all
in memory: the least that a server has to do. Two processes of the real client, one against it and one against
the engine, call in turns, a block of calls each; a third calls a null server that answers by itself, which is
the client's own share.
"""

from benchmarks.support.bench import Bench, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.plain_container import container, container_socket
from benchmarks.support.processes import cpu_s

BAR_MS = 1.5
BLOCK = 100
WARM_UP = 50


def run(bench: Bench) -> list[Figure]:
    server = bench.engine()
    with (
        bench.null("--unix", container_socket(bench)) as null,
        container(bench, null),
        bench.null() as alone,
        caller(bench, server) as to_engine,
        caller(bench, null) as to_null,
        caller(bench, alone) as to_alone,
    ):
        for each in (to_engine, to_null, to_alone):
            each.ask(do="remote", count=WARM_UP)
        engine_ms, null_ms, alone_ms, engine_cpu = [], [], [], []
        everything: list[float] = []
        for _ in range(bench.runs):
            null_ms.append(median(to_null.ask(do="remote", count=BLOCK)["seconds"]) * 1e3)
            alone_ms.append(median(to_alone.ask(do="remote", count=BLOCK)["seconds"]) * 1e3)
            before = cpu_s(server.process.pid)
            seconds = to_engine.ask(do="remote", count=BLOCK)["seconds"]
            engine_cpu.append((cpu_s(server.process.pid) - before) / BLOCK * 1e3)
            engine_ms.append(median(seconds) * 1e3)
            everything += seconds
    above = [with_engine - without for with_engine, without in zip(engine_ms, null_ms, strict=True)]
    everything.sort()
    return [
        Figure(
            "warm .remote() above a null server, p50",
            f"{BAR_MS} ms",
            median(above),
            "ms",
            len(above),
            passed=median(above) <= BAR_MS,
            reference="call through a null server",
            reference_value=median(null_ms),
            ratio=median(engine_ms) / median(null_ms),
            spread=quartiles(above),
            note=f"each run is the median of {BLOCK} calls",
            parts={
                "call ms": median(engine_ms),
                "client alone ms": median(alone_ms),
                "p95 ms": everything[int(len(everything) * 0.95)] * 1e3,
                "engine's CPU a call ms": sum(engine_cpu) / len(engine_cpu),
            },
        )
    ]
