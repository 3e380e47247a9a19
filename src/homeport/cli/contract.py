"""`homeport contract`: write homeport.toml from a good run, check it, show what became of it."""

import click

from homeport.cli.subcommands import Subcommands

COMMANDS = {
    "init": "Write a contract from a good run into homeport.toml.",
    "check": "Say all mistakes of a homeport.toml, with line and column.",
    "show": "What a run was held to: expected and seen.",
}

EPILOG = """\b
Examples:
  homeport contract init latest --name full
  homeport contract check
  homeport contract show latest
"""


@click.group(cls=Subcommands, epilog=EPILOG, package="homeport.cli.contract_commands", summaries=COMMANDS)
def command() -> None:
    """Say in homeport.toml what a run has to look like; a run that breaks it is stopped, with the reason."""
