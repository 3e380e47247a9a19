"""`homeport volume link` and `unlink`: folders of this machine as Volumes, without a copy.

The running engine does it (`web/volumes.py`); everything else about volumes is `modal volume`.
"""

from pathlib import Path

import click

from homeport.cli.door import ask
from homeport.model.errors import HomeportError

EPILOG = """\b
Examples:
  homeport volume link tusz /data/tusz
  homeport volume link results ~/results --writable
  modal volume ls tusz
  homeport volume unlink tusz
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Serve folders of this machine as Volumes."""


@command.command()
@click.argument("name")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--writable", is_flag=True, help="Let containers and `modal volume put` change the folder.")
@click.option("-e", "--env", default="", help="The environment; main by default.")
def link(name: str, folder: Path, writable: bool, env: str) -> None:
    """Make the existing folder DIR the Volume NAME, without a copy.

    It is read-only unless --writable is given. Containers that mount the volume see the folder itself: what
    one writes is seen by all at once, and commit and reload change nothing.
    """
    folder = folder.expanduser().absolute()
    if not folder.is_dir():
        raise HomeportError(f"{folder} is not a folder of this machine. Name an existing one.")
    answer = ask(
        "volumes/link", {"name": name, "folder": str(folder), "writable": writable, "environment": env}
    )
    kind = "writable" if writable else "read-only"
    click.echo(
        f'Volume {name} is the folder {answer["folder"]}, {kind}. Use it: modal.Volume.from_name("{name}")'
    )


@command.command()
@click.argument("name")
@click.option("-e", "--env", default="", help="The environment; main by default.")
def unlink(name: str, env: str) -> None:
    """Forget the linked Volume NAME. The folder stays as it is."""
    answer = ask("volumes/unlink", {"name": name, "environment": env})
    click.echo(f"Volume {name} is unlinked; the folder {answer['folder']} stays as it is.")
