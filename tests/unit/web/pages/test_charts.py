"""What the drawings of a run are made of."""

import pytest

from homeport.record.run import Attempt, Sample
from homeport.web.pages.charts import HEIGHT, WIDTH, Axis, axis_of, bars, charts
from homeport.web.pages.render import plain
from homeport.web.pages.run_view import command_line


def test_bars_lie_where_their_times_are() -> None:
    attempt = Attempt("ta-1", "f", enqueued_at=100, started_at=110, ready_at=120, ended_at=150, exit_code=0)

    [bar] = bars([attempt], Axis(100, 200))

    assert (bar.x, bar.waited, bar.starting, bar.ran) == (0, WIDTH / 10, WIDTH / 10, 3 * WIDTH / 10)
    assert bar.end == "ended"
    assert bar.took_s == 40


@pytest.mark.parametrize(
    ("exit_code", "ended_at", "end"),
    [(0, 9, "ended"), (1, 9, "failed"), (137, 9, "failed"), (143, 9, "stopped"), (None, 0, "live")],
)
def test_ends_are_told_apart(exit_code: int | None, ended_at: float, end: str) -> None:
    attempt = Attempt("ta-1", "f", 1, 2, 3, ended_at, exit_code)

    assert bars([attempt], Axis(0, 10))[0].end == end


@pytest.mark.parametrize("length", [0.2, 1, 7, 61, 3600, 86400, 30 * 86400])
def test_ticks_are_few_and_round(length: float) -> None:
    ticks = axis_of([], 1000.0, 1000.0 + length, now=0.0).ticks()

    assert 1 <= len(ticks) <= 8
    assert ticks[0] == (0, "0")
    assert all(0 <= percent <= 100 for percent, _ in ticks)


def test_a_curve_says_what_it_shows_and_keeps_its_peak() -> None:
    samples = tuple(
        Sample(float(n), cores=8.0 if n == 1234 else 1.0, memory_bytes=1 << 30) for n in range(5000)
    )

    cpu, memory = charts([Attempt("ta-1", "f", curve=samples)], Axis(0, 5000))

    assert cpu.sentence == "CPU: 8.0 cores at most, 1.0 cores on average."
    assert memory.sentence == "Memory: 1.0 GiB at most, 1.0 GiB on average."
    points = [tuple(map(float, point.split(","))) for point in cpu.lines[0].split()]
    assert len(points) <= 400
    assert min(y for _, y in points) == 2  # the peak, at the upper edge
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_where_nvidia_smi_gave_no_answer_the_gpu_did_not_idle() -> None:
    curve = tuple(
        Sample(float(n), 1.0, 1 << 20, None if n % 3 else 0.75, 0 if n % 3 else 2 << 30) for n in range(9)
    )

    _, _, gpu, memory = charts([Attempt("ta-1", "f", curve=curve)], Axis(0, 9))

    assert gpu.sentence == "GPU: 75% at most, 75% on average."
    assert memory.sentence == "GPU memory: 2.0 GiB at most, 2.0 GiB on average."
    assert len(gpu.lines[0].split()) == 3


def test_without_samples_there_are_no_curves() -> None:
    assert charts([Attempt("ta-1", "f")], Axis(0, 1)) == []


def test_a_line_of_output_is_plain() -> None:
    assert plain("10%\r50%\r\x1b[32m100%\x1b[0m done\n") == "100% done"
    assert plain("bell\x07") == "bell\ufffd"


def test_a_command_reads_as_it_was_typed() -> None:
    assert command_line(("/v/bin/python3.11", "/v/bin/modal", "run", "a b.py")) == "modal run 'a b.py'"
    assert command_line(("python", "-m", "modal", "run")) == "python -m modal run"
