"""`homeport runs`: what was run, newest first."""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from homeport.cli import colours
from homeport.cli.subcommands import Subcommands
from homeport.model.errors import InvalidError
from homeport.model.home import default_home
from homeport.plan.durations import human_duration
from homeport.record.contracts.told import VERDICTS

if TYPE_CHECKING:
    from homeport.control.runs.records import RunRow

EPILOG = """\b
Examples:
  homeport runs
  homeport runs --app cats --state failed --since 2d
  homeport runs --verdict broken
  homeport runs --text brain-secrets --limit 200
  homeport runs prune --older-than 30d
  homeport runs --format json | jq -r '.[] | .run_id + " " + .outcome'
"""

COMMANDS: Final = {"prune": "Remove records of runs, by their number or age."}
STATES: Final = ("running", "succeeded", "failed", "stopped")
KINDS: Final = ("run", "deployment", "call", "schedule")
COLOURS: Final = {"succeeded": "green", "failed": "red", "stopped": "yellow", "running": "cyan"}
VERDICT_COLOURS: Final = {"kept": "green", "broken": "red", "unseen": "yellow"}
_SHORT: Final = 12
_NAME: Final = 2  # the column with app and function
_LEAST_NAME: Final = 16
_AGO: Final = re.compile(r"(\d+)\s*(s|min|m|h|d|w)")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.group(
    cls=Subcommands,
    epilog=EPILOG,
    package="homeport.cli.runs_commands",
    summaries=COMMANDS,
    invoke_without_command=True,
    subcommand_metavar="[prune]",
)
@click.pass_context
@click.option("--app", default="", help="Only runs of this app, by its name or id.")
@click.option("--state", type=click.Choice(STATES), help="Only runs in this state.")
@click.option("--kind", type=click.Choice(KINDS), help="Only runs of this kind.")
@click.option(
    "--verdict", type=click.Choice(tuple(VERDICTS)), help="Only runs whose contract has this verdict."
)
@click.option("--text", default="", help="Only runs with this in id, app, function, outcome or contract.")
@click.option("--since", default="", metavar="WHEN", help="Only newer ones: 30min, 2h, 3d, 2026-01-31.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many at most.")
@click.option("--format", "form", default="text", type=click.Choice(("text", "json")), show_default=True)
def command(
    ctx: click.Context,
    app: str,
    state: str | None,
    kind: str | None,
    verdict: str | None,
    text: str,
    since: str,
    limit: int,
    form: str,
) -> None:
    """List what was run here, newest first: runs, deployments, calls of deployed functions, schedules.

    Works without an engine. A name of a run for other commands is its id, a beginning of it, or `latest`.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    from homeport.control.runs.records import RunFilter, RunRecords  # SQLite and protobuf: not for --help

    records = RunRecords(default_home())
    wanted = RunFilter(
        state=state or "",
        app=app,
        kind=kind or "",
        verdict=verdict or "",
        text=text,
        since=moment(since, time.time()),
    )
    rows = records.rows(wanted, limit=limit)
    if form == "json":
        click.echo(json.dumps([_plain(row) for row in rows], indent=1))
    else:
        _print(rows, is_filtered=wanted != RunFilter())
        more = records.count(wanted) - len(rows)
        if more > 0:
            colours.echo(f"{more} more: --limit {len(rows) + more}")
    going_on = sum(row.state == "running" for row in rows)
    if going_on and not _has_engine():
        what = "1 run" if going_on == 1 else f"{going_on} runs"
        click.echo(
            f"homeport: no engine is up: {what} went on when the last one was, and what became "
            "of that the next one finds out: homeport up",
            err=True,
        )
    for sentence in records.damaged([row.run_id for row in rows]):
        click.echo(f"homeport: {sentence}", err=True)


def _has_engine() -> bool:
    from homeport.cli import service  # only where it matters

    return service.find(default_home()) is not None


def _refuse_options(ctx: click.Context) -> None:
    """Options of the list before a subcommand, which could not heed them."""
    typed = [name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if typed:
        option = next(p.opts[0] for p in ctx.command.params if p.name == typed[0])
        raise click.UsageError(f"{option} is an option of the list, not of {ctx.invoked_subcommand}.")


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of `2h` (so long ago) or a date; 0 for nothing. Raises InvalidError."""
    if not text:
        return 0.0
    if ago := _AGO.fullmatch(text.strip()):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise InvalidError(
            f"--since {text!r} is no time. Give how long ago (30min, 2h, 3d) or a date (2026-01-31)."
        ) from None


def short(run_id: str, others: list[str]) -> str:
    """A beginning of an id that no other of these has."""
    for length in range(_SHORT, len(run_id)):
        if sum(other.startswith(run_id[:length]) for other in others) <= 1:
            return run_id[:length]
    return run_id


def when(at: float, now: float) -> str:
    """A time as a list shows it: without the date where it is today's."""
    moment_then, today = datetime.fromtimestamp(at), datetime.fromtimestamp(now)
    if moment_then.date() == today.date():
        return f"{moment_then:%H:%M:%S}"
    return f"{moment_then:%d %b %H:%M}" if moment_then.year == today.year else f"{moment_then:%Y-%m-%d}"


def _plain(row: "RunRow") -> dict[str, Any]:
    return {**vars(row), "duration_s": round(row.duration_s, 3)}


def _print(rows: "list[RunRow]", *, is_filtered: bool) -> None:
    if not rows:
        colours.echo(
            "No run fits." if is_filtered else "There is no run yet. Start one with: homeport run FILE"
        )
        return
    now = time.time()
    ids = [row.run_id for row in rows]
    table = [("run", "started", "app::function", "state", "took", "contract")]
    table += [
        (
            short(row.run_id, ids),
            when(row.started_at, now),
            row.label if row.kind in ("run", "call") else f"{row.label} ({row.kind})",
            row.state,
            _took(row),
            f"{row.contract}: {VERDICTS[row.verdict]}" if row.contract and row.verdict else row.contract,
        )
        for row in rows
    ]
    widths = _widths(table)
    for number, line in enumerate(table):
        row = rows[number - 1] if number else None
        cells = [_cut(text, width).ljust(width) for text, width in zip(line, widths, strict=True)]
        colours.echo("  ".join(_coloured(cells, row)).rstrip())


def _widths(table: Sequence[Sequence[str]]) -> list[int]:
    """Of the columns. On a terminal that is too narrow the name of app and function is cut, so that a run is
    one line; elsewhere, where a program may read it, nothing is."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        too_much = sum(widths) + 2 * (len(widths) - 1) - colours.width()
        widths[_NAME] = max(min(_LEAST_NAME, widths[_NAME]), widths[_NAME] - max(0, too_much))
    return widths


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _took(row: "RunRow") -> str:
    """Empty where a record of an older version does not tell."""
    return (
        f"{human_duration(row.duration_s)}{' so far' if row.state == 'running' else ''}"
        if row.duration_s
        else ""
    )


def _coloured(cells: list[str], row: "RunRow | None") -> list[str]:
    if not colours.has_colour():
        return cells
    if row is None:
        return [click.style(cell, dim=True) for cell in cells]
    cells[3] = click.style(cells[3], fg=COLOURS.get(row.state))
    cells[5] = click.style(cells[5], fg=VERDICT_COLOURS.get(row.verdict))
    return cells
