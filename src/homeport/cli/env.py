"""`homeport env`: prints what points a shell at the engine, for `eval`."""

import sys

import click

from homeport.cli import client_environment, service
from homeport.model.home import Home, default_home

EPILOG = """\b
Examples:
  eval "$(homeport env)"            sh, bash, zsh
  eval "$(homeport env --up)"       for a start-up file: starts the engine when it is not up
  homeport env --shell fish | source
  eval `homeport env --shell csh`
  eval "$(homeport env --unset)"    back to Modal's cloud
"""


@click.command(epilog=EPILOG)
@click.option("--shell", type=click.Choice(client_environment.SHELLS), default="sh", show_default=True)
@click.option("--up", is_flag=True, help="Start the engine when it is not up.")
@click.option("--unset", is_flag=True, help="Print what takes the variables out again.")
@click.option("--json", "as_json", is_flag=True, help="Print the variables as a JSON object.")
def command(shell: str, up: bool, unset: bool, as_json: bool) -> None:
    """Print the variables that point Modal's command and libraries at the engine.

    The output holds the engine's token. Everything started from that shell uses the engine: the modal
    command, and the Python and JavaScript libraries. The engine must be up, or --up starts it: where none
    listens, Modal's own commands try for a minute without a word.
    """
    names = client_environment.variables(service.Endpoint(0, "", "", "", 0.0), service.Token("", ""))
    if unset and (as_json or up):
        raise click.UsageError(f"--unset and {'--json' if as_json else '--up'} exclude each other.")
    if unset:
        click.echo(client_environment.unset_lines(shell, names))
        return
    home = default_home()
    endpoint = _started(home) if up else service.require(home)
    values = client_environment.variables(endpoint, service.read_token(home))
    if as_json:
        import json

        click.echo(json.dumps(values))
        return
    folder = client_environment.missing_folder()
    click.echo(client_environment.export_lines(shell, values, client_environment.CONFLICTS, folder))
    if sys.stdout.isatty():
        click.echo('# To apply it to this shell: eval "$(homeport env)"', err=True)


def _started(home: Home) -> service.Endpoint:
    endpoint, is_new = service.start(home)
    if is_new:
        click.echo(f"The engine is up at {endpoint.server_url}.", err=True)
    return endpoint
