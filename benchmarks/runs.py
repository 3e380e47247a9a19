"""What records of runs cost: on a container's start (5 ms), on a run and on calls of a deployed app (3 %).

Two engines, one that records nothing (HOMEPORT_RECORD=off, for this benchmark only), and the same client
against both in turns. What the notes of containers' processes cost is part of it.
"""

from benchmarks.support.bench import Bench, Server, caller
from benchmarks.support.figures import Figure, median, quartiles
from benchmarks.support.processes import cpu_s
from benchmarks.support.state import task_times

BAR_START_MS = 5.0
BAR_SHARE = 0.03
BLOCK = 1000
WARM_UP = 3


def run(bench: Bench) -> list[Figure]:
    with bench.own_engine() as with_records, bench.own_engine(env={"HOMEPORT_RECORD": "off"}) as without:
        return [
            _starts(bench, with_records, without),
            _runs(bench, with_records, without),
            *_calls(bench, with_records, without),
        ]


def _starts(bench: Bench, with_records: Server, without: Server) -> Figure:
    with caller(bench, with_records) as recorded, caller(bench, without) as plain:
        for each in (recorded, plain):
            each.ask(do="cold", count=WARM_UP)
        pairs = [
            (
                _start_ms(with_records, recorded.ask(do="cold", count=5)),
                _start_ms(without, plain.ask(do="cold", count=5)),
            )
            for _ in range(bench.runs)
        ]
    more = [a - b for a, b in pairs]
    return Figure(
        "recording a container's start",
        f"{BAR_START_MS:g} ms",
        median(more),
        "ms",
        len(more),
        passed=median(more) <= BAR_START_MS,
        reference="start without records",
        reference_value=median([b for _, b in pairs]),
        ratio=median([a for a, _ in pairs]) / median([b for _, b in pairs]),
        spread=quartiles(more),
        note="each run is the median of 5 starts",
    )


def _start_ms(server: Server, answer: dict[str, list[dict[str, float | str]]]) -> float:
    assert server.home is not None
    times = task_times(server.home, [str(call["task_id"]) for call in answer["calls"]])
    return median(
        [
            (float(call["entered"]) - times[str(call["task_id"])]["enqueued_at"]) * 1e3
            for call in answer["calls"]
        ]
    )


def _runs(bench: Bench, with_records: Server, without: Server) -> Figure:
    app = str(bench.app("hello.py"))
    for server in (with_records, without):
        bench.modal_s(server, "run", app)
    pairs = [
        (bench.modal_s(with_records, "run", app), bench.modal_s(without, "run", app))
        for _ in range(bench.runs)
    ]
    share = [a / b - 1 for a, b in pairs]
    return _share(
        "recording modal run hello.py", share, "the same without records", median([b for _, b in pairs])
    )


def _calls(bench: Bench, with_records: Server, without: Server) -> list[Figure]:
    seconds: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    with (
        caller(bench, with_records, "deployed.py") as recorded,
        caller(bench, without, "deployed.py") as plain,
    ):
        for each in (recorded, plain):
            each.ask(count=50)
        for _ in range(bench.runs_of(10.0)):
            took, used = [], []
            for server, each in ((with_records, recorded), (without, plain)):
                before = cpu_s(server.process.pid)
                took.append(sum(each.ask(count=BLOCK)["seconds"]))
                used.append((cpu_s(server.process.pid) - before) / BLOCK * 1e6)
            seconds.append((took[0], took[1]))
            cpu.append((used[0], used[1]))
    share = [a / b - 1 for a, b in seconds]
    more = [a - b for a, b in cpu]
    return [
        _share(
            f"recording {BLOCK} calls of a deployed app",
            share,
            "without records",
            median([b for _, b in seconds]),
        ),
        Figure(
            "engine's CPU for the record of a call",
            "reported",
            median(more),
            "us",
            len(more),
            reference="the engine's CPU of a call without",
            reference_value=median([b for _, b in cpu]),
            spread=quartiles(more),
        ),
    ]


def _share(name: str, share: list[float], reference: str, reference_s: float) -> Figure:
    return Figure(
        name,
        f"{BAR_SHARE:.0%}",
        median(share) * 100,
        "%",
        len(share),
        passed=median(share) <= BAR_SHARE,
        reference=f"{reference}: {reference_s:.3g} s, of it",
        reference_value=100.0,
        ratio=1 + median(share),
        spread=(quartiles(share)[0] * 100, quartiles(share)[1] * 100),
    )
