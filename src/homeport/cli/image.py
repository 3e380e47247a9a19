"""`homeport image`: what images this home holds, and what they take. Each subcommand is a file in images/."""

import click

from homeport.cli.subcommands import Subcommands

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


@click.group(cls=Subcommands, epilog=EPILOG, package="homeport.cli.images", summaries=COMMANDS)
def command() -> None:
    """Look at the images of this home, remove and export them."""
