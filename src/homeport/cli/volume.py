"""`homeport volume link` and `unlink`: folders of this machine as Volumes, without a copy.

The running engine does it (`web/volumes.py`); everything else about volumes is `modal volume`.
"""

import http.client
import json
import urllib.parse
from pathlib import Path

import click

from homeport.cli import service
from homeport.model.errors import EngineUnavailableError, HomeportError
from homeport.model.home import Home, default_home

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
    answer = _ask("link", {"name": name, "folder": str(folder), "writable": writable, "environment": env})
    kind = "writable" if writable else "read-only"
    click.echo(
        f'Volume {name} is the folder {answer["folder"]}, {kind}. Use it: modal.Volume.from_name("{name}")'
    )


@command.command()
@click.argument("name")
@click.option("-e", "--env", default="", help="The environment; main by default.")
def unlink(name: str, env: str) -> None:
    """Forget the linked Volume NAME. The folder stays as it is."""
    answer = _ask("unlink", {"name": name, "environment": env})
    click.echo(f"Volume {name} is unlinked; the folder {answer['folder']} stays as it is.")


def _ask(what: str, body: dict[str, object]) -> dict[str, str]:
    """The running engine's answer. Raises HomeportError with its sentence."""
    home = default_home()
    address = urllib.parse.urlsplit(service.require(home).blob_url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=60)
    try:
        connection.request("POST", f"/homeport/volumes/{what}", json.dumps(body), _headers(home))
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except OSError as error:
        raise EngineUnavailableError(
            f"The engine does not answer ({error}). Start it with: homeport up"
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise HomeportError(text)
    answer: dict[str, str] = json.loads(text)
    return answer


def _headers(home: Home) -> dict[str, str]:
    token = service.read_token(home)
    return {
        "Content-Type": "application/json",
        "x-modal-token-id": token.token_id,
        "x-modal-token-secret": token.token_secret,
    }
