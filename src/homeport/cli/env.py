"""`homeport env`: prints what points a shell at the engine, for `eval`."""

import sys

import click

from homeport.cli import client_environment, service
from homeport.model.home import default_home

EPILOG = """\b
Examples:
  eval "$(homeport env)"            sh, bash, zsh
  homeport env --shell fish | source
  eval `homeport env --shell csh`
  eval "$(homeport env --unset)"    back to Modal's cloud
"""


@click.command(epilog=EPILOG)
@click.option("--shell", type=click.Choice(client_environment.SHELLS), default="sh", show_default=True)
@click.option("--unset", is_flag=True, help="Print what takes the variables out again.")
@click.option("--json", "as_json", is_flag=True, help="Print the variables as a JSON object.")
def command(shell: str, unset: bool, as_json: bool) -> None:
    """Print the variables that point Modal's command and libraries at the engine.

    The output holds the engine's token. Everything started from that shell uses the engine: the modal
    command, and the Python, JavaScript and Go libraries. The engine must be up.
    """
    names = client_environment.variables(service.Endpoint(0, "", "", "", 0.0), service.Token("", ""))
    if unset and as_json:
        raise click.UsageError("--unset and --json exclude each other.")
    if unset:
        click.echo(client_environment.unset_lines(shell, names))
        return
    home = default_home()
    values = client_environment.variables(service.require(home), service.read_token(home))
    if as_json:
        import json

        click.echo(json.dumps(values))
        return
    folder = client_environment.missing_folder()
    click.echo(client_environment.export_lines(shell, values, client_environment.CONFLICTS, folder))
    if sys.stdout.isatty():
        click.echo('# To apply it to this shell: eval "$(homeport env)"', err=True)
