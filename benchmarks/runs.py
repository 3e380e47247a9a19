"""What records of runs cost: on a container's start (5 ms), on a run and on calls of a deployed app (3 %, and
50 us of the engine's processor time a call).

Two engines, one that records nothing (HOMEPORT_RECORD=off, for this benchmark only), and the same client
against both in turns, in many short rounds, since a machine's speed changes from one second to the next. What
the notes of containers' processes cost is part of it. Each figure takes a minute at most, also on a machine
that is busy.
"""

import time
from collections.abc import Iterator
from typing import TypeVar

from benchmarks import call_records
from benchmarks.support.bench import Bench, Caller, Server, caller
from benchmarks.support.figures import Figure, median, more_than_without, quartiles
from benchmarks.support.processes import threads_cpu_s
from benchmarks.support.state import task_times

_T = TypeVar("_T")
BAR_START_MS = 5.0
BAR_SHARE = 0.03
BAR_CALL_US = 50.0
BLOCK = 100  # calls
SETTLES_S = 0.3  # until what was gathered of calls is written
WARM_UP = 3
WARM_UP_CALLS = 500
LIMIT_S = 60.0  # for one figure
LEAST = 5  # rounds, however long they take


def run(bench: Bench) -> list[Figure]:
    with bench.own_engine() as with_records, bench.own_engine(env={"HOMEPORT_RECORD": "off"}) as without:
        return [
            _starts(bench, with_records, without),
            _runs(bench, with_records, without),
            *_calls(bench, with_records, without),
            call_records.figure(bench.scratch, 3 * bench.runs),
        ]


def _rounds(count: int) -> Iterator[bool]:
    """So many rounds, or fewer when the time is up; whether the one without records goes first."""
    until = time.monotonic() + LIMIT_S
    for number in range(count):
        if number >= LEAST and time.monotonic() > until:
            return
        yield number % 2 == 1


def _starts(bench: Bench, with_records: Server, without: Server) -> Figure:
    with caller(bench, with_records) as recorded, caller(bench, without) as plain:
        for each in (recorded, plain):
            each.ask(do="cold", count=WARM_UP)
        pairs = []
        for is_turned in _rounds(3 * bench.runs):
            sides = [(with_records, recorded), (without, plain)]
            took = [
                _start_ms(server, each.ask(do="cold", count=1)) for server, each in _order(sides, is_turned)
            ]
            pairs.append(_order(took, is_turned))
    name = "recording a container's start"
    return more_than_without(name, pairs, bar=BAR_START_MS, unit="ms", without="start without records")


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
    pairs = []
    for is_turned in _rounds(bench.runs):
        took = [bench.modal_s(server, "run", app) for server in _order([with_records, without], is_turned)]
        pairs.append(_order(took, is_turned))
    share = [a / b - 1 for a, b in pairs]
    return _share(
        "recording modal run hello.py", share, "the same without records", median([b for _, b in pairs])
    )


def _calls(bench: Bench, with_records: Server, without: Server) -> list[Figure]:
    seconds: list[list[float]] = []
    cpu: list[list[float]] = []
    with (
        caller(bench, with_records, "deployed.py") as recorded,
        caller(bench, without, "deployed.py") as plain,
    ):
        for each in (recorded, plain):
            each.ask(count=WARM_UP_CALLS)
        for is_turned in _rounds(3 * bench.runs):
            sides = [(with_records, recorded), (without, plain)]
            found = [_block(server, each) for server, each in _order(sides, is_turned)]
            took, used = zip(*_order(found, is_turned), strict=True)
            seconds.append(list(took))
            cpu.append(list(used))
    return [
        _share(
            f"recording {BLOCK} calls of a deployed app",
            [a / b - 1 for a, b in seconds],
            "without records",
            median([b for _, b in seconds]),
        ),
        more_than_without(
            "engine's CPU for the record of a call",
            cpu,
            bar=BAR_CALL_US,
            unit="us",
            without="the engine's CPU of a call without",
        ),
    ]


def _block(server: Server, each: Caller) -> tuple[float, float]:
    """A block of calls: their seconds, and the engine's processor time of each in us. With what it writes
    down of them a moment later."""
    before = threads_cpu_s(server.process.pid)
    took = sum(each.ask(count=BLOCK)["seconds"])
    time.sleep(SETTLES_S)
    return took, (threads_cpu_s(server.process.pid) - before) / BLOCK * 1e6


def _order(pair: list[_T], is_turned: bool) -> list[_T]:
    return pair[::-1] if is_turned else pair


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
