"""`homeport diff RUN RUN`: what differs between two runs, the most likely cause first."""

import dataclasses
import json
import textwrap
import time
from typing import TYPE_CHECKING

import click

from homeport.cli import colours
from homeport.model.errors import HomeportError
from homeport.model.home import default_home
from homeport.plan.durations import human_age
from homeport.record.diff.differences import OF_LIBRARIES

if TYPE_CHECKING:
    from homeport.record.diff.differences import Comparison, Difference
    from homeport.record.run import Run

_MOST_ROWS = 8  # of one section
_MOST_OF_ONE = 2  # things in a section that one run lacks altogether, told one by one
_CAN_BE_OF_ONE = ("data", "volumes", "machine and limits")
_MOST_LINES = 6  # of one file's diff

EPILOG = """\b
Examples:
  homeport diff ap-3kX ap-9fQ
  homeport diff ap-3kX latest
  homeport diff ap-3kX latest --format json | jq '.sections[].title'

RUN is the id of a run, its beginning, or latest; homeport runs lists them.
"""


@click.command(epilog=EPILOG)
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@click.option("--all", "is_whole", is_flag=True, help="Print all, also what is very long.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(before: str, after: str, is_whole: bool, form: str) -> int:
    """Show only what differs between two runs, the most likely cause first.

    Code, packages, variables, arguments, configuration, data, volumes, the machine, the outcome. What differs
    in any two runs (ids, pids, times, the order of lists) is no difference.

    Exits with 0 where nothing differs, 1 where something does, 2 where the runs cannot be compared.
    """
    from homeport.control.runs.known import known
    from homeport.record.diff.compare import compare

    home = default_home()
    try:
        worlds = known(home, before), known(home, after)
    except HomeportError as error:
        click.secho(f"homeport: {error}", err=True, fg="red" if colours.has_colour() else None)
        return 2
    comparison = compare(*worlds)
    if form == "json":
        click.echo(json.dumps(dataclasses.asdict(comparison), ensure_ascii=False, indent=1))
    else:
        _print(comparison, worlds[0].run, worlds[1].run, is_whole=is_whole)
    return 1 if comparison else 0


def _print(comparison: "Comparison", before: "Run", after: "Run", *, is_whole: bool) -> None:
    colours.echo(f"{colours.styled('-', fg='red')} {_described(before)}")
    colours.echo(f"{colours.styled('+', fg='green')} {_described(after)}")
    if not comparison:
        colours.echo("\nNothing differs but ids and times.")
    for section in comparison.sections:
        colours.echo(f"\n{colours.styled(section.title, bold=True)}")
        is_of_one = _is_of_one(section.differences)
        if not is_whole and (
            section.title == OF_LIBRARIES
            or (section.title in _CAN_BE_OF_ONE and is_of_one and len(section.differences) > _MOST_OF_ONE)
        ):
            _print_names(section.differences, is_of_one=is_of_one)
            continue
        shown = section.differences if is_whole else section.differences[:_MOST_ROWS]
        absent = "(not set)" if section.title in ("variables", OF_LIBRARIES) else "(none)"
        short = [each for each in shown if _fits(each, absent, len(each.name))]
        name_width = min(32, max((len(each.name) for each in short), default=0))
        for each in shown:
            _print_difference(each, absent, name_width, is_whole=is_whole)
        if len(section.differences) > len(shown):
            colours.echo(f"  … {len(section.differences) - len(shown)} more (--all prints them)")


def _is_of_one(differences: "tuple[Difference, ...]") -> bool:
    """Whether only one of the runs has anything here, as where the other was stopped at its start."""
    return all(not each.before for each in differences) or all(not each.after for each in differences)


def _print_names(differences: "tuple[Difference, ...]", *, is_of_one: bool) -> None:
    which = "first" if differences[0].before else "second"
    names = ", ".join(each.name for each in differences)
    text = f"only the {which} run has any: {names}" if is_of_one else names
    lines = textwrap.wrap(
        text,
        colours.width() - 4,
        max_lines=2,
        placeholder=" …",
        break_on_hyphens=False,
        subsequent_indent="  ",
    )
    for line in lines:
        colours.echo(f"  {line}")


def _described(run: "Run") -> str:
    what = f"{run.name}::{run.function}" if run.function else run.name
    typed = (
        " ".join([run.launcher.argv[0].rpartition("/")[2], *run.launcher.argv[1:]])
        if run.launcher and run.launcher.argv
        else ""
    )
    age = human_age(max(0.0, time.time() - run.started_at))
    return f"{run.run_id}  {what}, {run.state}, {age} ago{f': {typed}' if typed else ''}"


def _fits(each: "Difference", absent: str, name_width: int) -> bool:
    """Whether name and both sides find place in one line."""
    sides = len(each.before or absent) + len(" → ") + len(each.after or absent)
    return 2 + max(name_width, len(each.name)) + 2 + sides <= colours.width()


def _print_difference(each: "Difference", absent: str, name_width: int, *, is_whole: bool) -> None:
    mine, other = each.before or absent, each.after or absent
    if _fits(each, absent, name_width):
        left = colours.styled(mine, fg="red" if each.before else None)
        right = colours.styled(other, fg="green" if each.after else None)
        colours.echo(f"  {each.name:<{name_width}}  {left} → {right}")
    else:
        colours.echo(f"  {each.name}")
        _print_side("-", mine, "red")
        _print_side("+", other, "green")
    lines = each.detail if is_whole else each.detail[:_MOST_LINES]
    for line in lines:
        colour = "green" if line.startswith("+") else "red" if line.startswith("-") else "cyan"
        cut = line if is_whole or len(line) <= colours.width() - 4 else f"{line[: colours.width() - 5]}…"
        colours.echo(f"    {colours.styled(cut, fg=colour)}")
    if len(each.detail) > len(lines):
        colours.echo(f"    … {len(each.detail) - len(lines)} more lines (--all prints them)")


def _print_side(sign: str, text: str, colour: str) -> None:
    room = max(20, colours.width() - 6)
    for number, line in enumerate(textwrap.wrap(text, room, break_on_hyphens=False) or [""]):
        colours.echo(f"    {colours.styled(f'{sign if number == 0 else chr(32)} {line}', fg=colour)}")
