"""`homeport explain RUN VAR`: where a variable, an argument, a configured value or a file came from."""

import dataclasses
import json
import textwrap
from typing import TYPE_CHECKING

import click

from homeport.cli import colours
from homeport.model.home import default_home

if TYPE_CHECKING:
    from homeport.record.explain.answers import Answer, Step
    from homeport.record.explain.known import Known

EPILOG = """\b
Examples:
  homeport explain latest BGB_LIMIT_FILES
  homeport explain latest --arg config_path
  homeport explain latest --config data.cache
  homeport explain latest --file train.py
  homeport explain ap-3kX BGB_LIMIT_FILES --format json | jq -r .sentence

RUN is the id of a run, its beginning, or latest; homeport runs lists them.
"""


@click.command(epilog=EPILOG)
@click.argument("run")
@click.argument("variable", required=False, metavar="[VAR]")
@click.option("--arg", "argument", metavar="NAME", help="Explain an argument of the function's call.")
@click.option(
    "--config", "key", metavar="KEY", help="Explain a value of a configuration file, such as data.cache."
)
@click.option("--file", "path", metavar="PATH", help="Say who put a file there and who opened it.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    run: str, variable: str | None, argument: str | None, key: str | None, path: str | None, form: str
) -> int:
    """Say where something in a run came from: first one sentence, then the chain with file and line.

    VAR is an environment variable: the launching shell, the app's lines that took it, the Secret, image or
    env= that gave it, each change inside the container, and who read it.

    Exits with 1 where the run has no such thing.
    """
    asked = [each for each in (variable, argument, key, path) if each is not None]
    if len(asked) != 1:
        raise click.UsageError(
            "Name one thing to explain: a variable, or one of --arg NAME, --config KEY, --file PATH."
        )
    from homeport.control.runs.known import known

    answer = _answer(known(default_home(), run), variable, argument, key, path)
    if form == "json":
        click.echo(json.dumps(dataclasses.asdict(answer), ensure_ascii=False, indent=1))
    else:
        _print(answer)
    return 0 if answer.is_found else 1


def _answer(
    world: "Known", variable: str | None, argument: str | None, key: str | None, path: str | None
) -> "Answer":
    if variable is not None:
        from homeport.record.explain.variable import explain_variable

        return explain_variable(world, variable)
    if argument is not None:
        from homeport.record.explain.argument import explain_argument

        return explain_argument(world, argument)
    if key is not None:
        from homeport.record.explain.configuration import explain_config

        return explain_config(world, key)
    from homeport.record.explain.file import explain_file

    assert path is not None
    return explain_file(world, path)


def _print(answer: "Answer") -> None:
    for line in textwrap.wrap(
        answer.sentence, colours.width(), break_long_words=False, break_on_hyphens=False
    ):
        colours.echo(colours.styled(line, bold=True))
    if answer.steps:
        colours.echo()
    where_width = max((len(step.where) for step in answer.steps), default=0)
    for number, step in enumerate(answer.steps, 1):
        _print_step(number, step, where_width)


def _print_step(number: int, step: "Step", where_width: int) -> None:
    head = f"{number:3}  {step.where:<{where_width}}  "
    place = f"{step.place}  " if step.place else ""
    found = f" ({step.found})" if step.found else ""
    lines = textwrap.wrap(
        f"{place}{step.text}{found}",
        max(30, colours.width() - len(head)),
        break_long_words=False,
        break_on_hyphens=False,
    )
    first = lines[0] if lines else ""
    if place and first.startswith(step.place):
        first = colours.styled(step.place, fg="cyan") + first[len(step.place) :]
    colours.echo(f"{colours.styled(f'{number:3}', dim=True)}  {step.where:<{where_width}}  {first}")
    for line in lines[1:]:
        colours.echo(" " * len(head) + line)
    if step.line:
        room = max(30, colours.width() - len(head) - 2)
        text = step.line if len(step.line) <= room else f"{step.line[: room - 1]}…"
        colours.echo(" " * (len(head) + 2) + colours.styled(text, dim=True))
