"""`homeport image`: what images this home holds, and what they take. Each subcommand is a file in images/."""

from importlib import import_module

import click

COMMANDS = {
    "list": "Images, what they are for, their size and when they were used.",
    "show": "What an image is made of, layer by layer.",
    "prune": "Remove images that nothing uses.",
    "export": "Write an image to a file that other tools read.",
    "alias": "Let another image stand for those that cannot be had.",
}

EPILOG = """\b
Examples:
  homeport image list
  homeport image show im-4kXcQbdZtFZxHCk7HZqQ0Y
  homeport image prune --older-than 7d --dry-run
  homeport image export im-4kXcQbdZtFZxHCk7HZqQ0Y image.tar --format oci
  homeport image alias 'nvidia/cuda:*' debian
"""


class Group(click.Group):
    """Imports a subcommand's file when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"homeport.cli.images.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Look at the images of this home, remove and export them."""
