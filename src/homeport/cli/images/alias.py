"""`homeport image alias`: what stands for images of registries that this machine cannot have."""

import json

import click

from homeport.cli.door import ask

EPILOG = """\b
Examples:
  homeport image alias                                   list them
  homeport image alias 'nvidia/cuda:*' debian            this machine's Debian, without a Python
  homeport image alias pytorch/pytorch python:3.11-slim  whatever the tag
  homeport image alias ubuntu:22.04 registry.example.com/mirror/ubuntu:22.04
  homeport image alias --remove 'nvidia/cuda:*'
"""


@click.command(epilog=EPILOG)
@click.argument("pattern", required=False)
@click.argument("image", required=False)
@click.option("--remove", metavar="PATTERN", help="Forget the alias.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(pattern: str | None, image: str | None, remove: str | None, form: str) -> None:
    """Let IMAGE stand for images whose names fit PATTERN, in FROM and Image.from_registry.

    In a PATTERN * stands for anything; without a tag it fits every tag, and of several the longest counts.
    IMAGE is `debian`, this machine's own base, or an image's name. Each image that was built so says it
    in its notes.
    """
    if remove is not None:
        if pattern or image:
            raise click.UsageError("--remove takes the one pattern, and nothing else.")
        ask("images/alias", {"pattern": remove, "target": ""})
        click.echo(f"Nothing stands for {remove} any more.")
    elif pattern is None:
        _list(ask("images/aliases", {})["aliases"], form)
    elif image is None:
        raise click.UsageError(f"Say what is to stand for {pattern}: homeport image alias '{pattern}' debian")
    else:
        ask("images/alias", {"pattern": pattern, "target": image})
        click.echo(f"{image} stands for {pattern}. To undo it: homeport image alias --remove '{pattern}'")


def _list(aliases: dict[str, str], form: str) -> None:
    if form == "json":
        click.echo(json.dumps({"aliases": aliases}))
    elif not aliases:
        click.echo("There are no aliases. To make one: homeport image alias 'nvidia/cuda:*' debian")
    width = max(map(len, aliases), default=0)
    for pattern, target in aliases.items() if form == "text" else ():
        click.echo(f"{pattern:{width}}  {target}")
