"""A benchmark's result, and how results become a table and JSON."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Figure:
    """One measured figure beside its bar and its reference of the same run.

    `passed` is None where a figure is only reported. `parts` says what the figure is made of.
    """

    name: str
    bar: str
    measured: float
    unit: str
    runs: int
    passed: bool | None = None
    reference: str = ""  # what it was compared with, measured in the same run
    reference_value: float | None = None
    ratio: float | None = None
    spread: tuple[float, float] | None = None  # lower and upper quartile of the measured figure
    note: str = ""
    parts: dict[str, float] = field(default_factory=dict)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The 25th and 75th percentile; both the value itself where there is only one."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def show(figures: Sequence[Figure], machine: dict[str, str]) -> None:
    """Prints the machine and the table to stdout."""
    console = Console(width=None)
    for key, value in machine.items():
        console.print(f"[bold]{key}[/bold]: {value}", highlight=False)
    table = Table(show_lines=False)
    for column in ("figure", "bar", "measured", "reference of the same run", "ratio", "runs", ""):
        table.add_column(column, overflow="fold")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for figure in figures:
        if figure.parts:
            parts = ", ".join(f"{name} {number(value)}" for name, value in figure.parts.items())
            console.print(f"{figure.name}: {parts}", highlight=False)
        if figure.note:
            console.print(f"{figure.name}: {figure.note}", highlight=False)


def markdown(figures: Sequence[Figure]) -> str:
    """The same table for docs/benchmarks.md."""
    rows = [
        "| figure | bar | measured | reference of the same run | ratio | runs | |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += ["| " + " | ".join(_cells(figure)) + " |" for figure in figures]
    return "\n".join(rows)


def as_json(figures: Sequence[Figure], machine: dict[str, str]) -> str:
    return json.dumps({"machine": machine, "figures": [asdict(figure) for figure in figures]}, indent=2)


def number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"


def _cells(figure: Figure) -> list[str]:
    reference = figure.reference
    if figure.reference_value is not None:
        reference += f" {number(figure.reference_value)} {figure.unit}"
    spread = f" ({number(figure.spread[0])} to {number(figure.spread[1])})" if figure.spread else ""
    return [
        figure.name,
        figure.bar,
        f"{number(figure.measured)} {figure.unit}{spread}",
        reference,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        str(figure.runs),
        {True: "pass", False: "FAIL", None: "reported"}[figure.passed],
    ]


def more_than_without(
    name: str, pairs: Sequence[Sequence[float]], *, bar: float, unit: str, without: str
) -> Figure:
    """What something adds: the median difference of pairs (with, without), held to a bar in the same unit."""
    more = [a - b for a, b in pairs]
    with_it, plain = median([a for a, _ in pairs]), median([b for _, b in pairs])
    return Figure(
        name,
        f"{bar:g} {unit}",
        median(more),
        unit,
        len(more),
        passed=median(more) <= bar,
        reference=without,
        reference_value=plain,
        ratio=with_it / plain,
        spread=quartiles(more),
    )
