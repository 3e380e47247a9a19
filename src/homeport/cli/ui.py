"""`homeport ui`: opens the run pages in a browser."""

import urllib.parse
import webbrowser

import click

from homeport.cli import service
from homeport.cli.door import ask
from homeport.model.home import default_home

EPILOG = """\b
Examples:
  homeport ui                   the list of runs
  homeport ui latest            the newest run
  homeport ui ap-4Wq0           the run whose id begins so
  homeport ui --print           print the address instead, such as for ssh -L
"""


@click.command(epilog=EPILOG)
@click.argument("run", required=False, default="")
@click.option("--print", "only_print", is_flag=True, help="Print the address, and open no browser.")
def command(run: str, only_print: bool) -> None:
    """Open the pages of runs, or of one RUN, in the browser. Starts the engine if it is not up.

    The address is good once, within a minute; it gives the browser a cookie that lasts for 30 days. The pages
    are served on 127.0.0.1 only.
    """
    endpoint, started = service.start(default_home())
    if started:
        click.echo(f"The engine is up at {endpoint.server_url}.", err=True)
    path = f"/runs/{urllib.parse.quote(_id(run), safe='')}" if run else "/"
    address = endpoint.blob_url + str(ask("pages/login", {"path": path})["path"])
    if only_print:
        click.echo(address)
    elif webbrowser.open(address):
        click.echo("The pages are open in the browser.")
    else:
        click.echo(f"No browser was found here. Open this address within a minute: {address}")


def _id(named: str) -> str:
    """Raises NotFoundError, InvalidError, with names that are close."""
    from homeport.control.runs.records import RunRecords

    return RunRecords(default_home()).find(named)
