"""`homeport show RUN`: one run, with everything that shaped it."""

import textwrap
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
    known = Known(found, reader(home))
    if why := sentence(known):
        _wrapped(why)
    for title, lines in sections(known):
        _section(title, lines)
    if found.attempts:
        colours.echo(f"\nWhat it printed: homeport modal app logs {found.app_id}")


def _head(run: "Run") -> None:
    label = f"{run.name}::{run.function}" if run.function else run.name
    colours.echo(f"{run.run_id}  {label}  {colours.styled(run.state, fg=COLOURS.get(run.state), bold=True)}")
    _wrapped(run.outcome)


def _section(title: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    if not shown:
        return
    colours.echo()
    colours.echo(colours.styled(title, bold=True))
    for line in shown:
        _wrapped(f"  {line}")


def _wrapped(text: str) -> None:
    """A line within the terminal's width; what does not fit goes on further to the right."""
    indent = " " * (len(text) - len(text.lstrip()) + 2 * text.startswith(" "))
    width = colours.width()
    for line in textwrap.wrap(
        text,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    ):
        colours.echo(line)
