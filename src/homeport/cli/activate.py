"""`homeport activate`: makes a profile of the engine the active one in Modal's configuration file."""

import os

import click

from homeport.cli import profile, service
from homeport.model.home import default_home

EPILOG = """\b
Examples:
  homeport activate      from here on, in every shell: modal run app.py
  homeport deactivate    back to the profile that was active before
"""


@click.command(epilog=EPILOG)
def command() -> None:
    """Point every modal command of this user at the engine, which is started when it is not up.

    Adds the profile "homeport" to ~/.modal.toml (or MODAL_CONFIG_PATH), makes it the active one and keeps in
    mind which one was. The rest of the file stays as it is. From then on modal commands need the engine to be
    up; `homeport up` starts it after a restart of this machine.
    """
    home = default_home()
    endpoint, _ = service.start(home)
    path = profile.config_path()
    change = profile.add(profile.read(path), service.read_token(home), endpoint.server_url)
    profile.write(path, change.text)
    click.echo(
        f"The modal command now uses the engine at {endpoint.server_url} (profile homeport in {path})."
    )
    if change.other is not None:
        click.echo(
            f"The profile that was active before: {change.other}; homeport deactivate goes back to it."
        )
    overriding = [
        name
        for name in ("MODAL_PROFILE", "MODAL_SERVER_URL", "MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET")
        if name in os.environ and (name, os.environ[name]) != ("MODAL_PROFILE", profile.NAME)
    ]
    if overriding:
        click.secho(
            f"{', '.join(overriding)} in this shell wins over the profile. To let the profile decide: "
            f"unset {' '.join(overriding)}",
            err=True,
            fg="yellow",
        )
