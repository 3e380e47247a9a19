"""`homeport modal ARGS`: any command of the real modal client, against the engine."""

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from homeport.cli import client_environment, launch_notes, service
from homeport.model.errors import FailedPreconditionError
from homeport.model.home import default_home

# Everything goes to modal untouched, unknown options and --help included.
PASS_THROUGH = {"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}

EPILOG = """\b
Examples:
  homeport modal deploy app.py
  homeport modal volume ls results
  homeport modal --help            modal's own help
"""


@click.command(context_settings=PASS_THROUGH, epilog=EPILOG)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, args: tuple[str, ...]) -> None:
    """Run any modal command against the engine, which is started when it is not up."""
    if not args:
        click.echo(ctx.get_help())
        return
    become_modal(args)


def become_modal(args: tuple[str, ...], *, then: str = "", must_note: bool = False) -> NoReturn:
    """Replaces this process by the modal client, so that Ctrl-C and the exit status are its own, but for what
    the module `then` says at the end.

    `must_note`: the engine has to learn what was typed; raises FailedPreconditionError where it cannot.
    """
    home = default_home()
    endpoint, started = service.start(home)
    if started:
        click.echo(f"The engine is up at {endpoint.server_url}.", err=True)
        if endpoint.note:
            click.echo(endpoint.note, err=True)
    token = service.read_token(home)
    environment = client_environment.applied(os.environ, endpoint, token)
    command = modal_command()
    noting = launch_notes.noting(command, home, token, sys.argv[1:], then=then)
    if must_note and noting == command:
        raise FailedPreconditionError(
            f"The engine would not learn of --contract: {home.runs / 'launches'} cannot be written, or "
            f"{command[0]} is no Python script. Nothing was run."
        )
    line = [*noting, *args]
    sys.stdout.flush()
    os.execve(line[0], line, environment)


def modal_command() -> list[str]:
    """The modal command beside this Python. Raises FailedPreconditionError where it is not installed."""
    script = Path(sys.executable).with_name("modal")
    if not os.access(script, os.X_OK):
        raise FailedPreconditionError(
            f"The modal command is missing from {script.parent}. Install it: {sys.executable} -m pip install "
            "modal==1.6.4"
        )
    return [str(script)]
