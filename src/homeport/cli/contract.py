"""`homeport contract`: write homeport.toml from a good run, check it, show what became of it."""

from importlib import import_module

import click

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


class Group(click.Group):
    """Imports a subcommand's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"homeport.cli.contract_commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Say in homeport.toml what a run has to look like; a run that breaks it is stopped, with the reason."""
