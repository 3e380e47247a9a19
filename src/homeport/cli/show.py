"""`homeport show RUN`: one run, with everything that shaped it."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from homeport.cli import colours
from homeport.cli.runs import COLOURS
from homeport.model.home import default_home

if TYPE_CHECKING:
    from homeport.record.run import Run

EPILOG = """\b
Examples:
  homeport show latest
  homeport show ap-4kXcQb
  homeport show latest --format json | jq .functions[0].environment
"""


@click.command(epilog=EPILOG)
@click.argument("run", default="latest")
@click.option("--format", "form", default="text", type=click.Choice(("text", "json")), show_default=True)
def command(run: str, form: str) -> None:
    """Show the record of a run: who started it, code, image, environment, arguments, volumes, how it went.

    RUN is an id, a beginning of one, or `latest`. Values of Secrets are there as digests only.
    """
    from homeport.cli.shown import sections
    from homeport.control.runs.known import reader
    from homeport.control.runs.records import RunRecords
    from homeport.record.codec import encode
    from homeport.record.explain.known import Known
    from homeport.record.explain.missing_module import sentence

    home = default_home()
    records = RunRecords(home)
    found = records.record(records.find(run))
    if form == "json":
        click.echo(encode(found), nl=False)
        return
    _head(found)
    if why := sentence(Known(found, reader(home))):
        colours.echo(why)
    for title, lines in sections(found):
        _section(title, lines)


def _head(run: "Run") -> None:
    label = f"{run.name}::{run.function}" if run.function else run.name
    is_terminal = sys.stdout.isatty()
    state = click.style(run.state, fg=COLOURS.get(run.state), bold=True) if is_terminal else run.state
    colours.echo(f"{run.run_id}  {label}  {state}")
    if run.outcome:
        colours.echo(run.outcome)


def _section(title: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    if not shown:
        return
    colours.echo()
    colours.echo(click.style(title, bold=True) if sys.stdout.isatty() else title)
    for line in shown:
        colours.echo(f"  {line}")
