"""`homeport deactivate`: undoes `homeport activate`."""

import click

from homeport.cli import profile


@click.command()
def command() -> None:
    """Take the profile "homeport" out of Modal's configuration file again.

    The profile that was active before is active again. The engine stays up.
    """
    path = profile.config_path()
    change = profile.remove(profile.read(path))
    if change is None:
        click.echo(f"There is no profile homeport in {path}; nothing to undo.")
        return
    if change.text:
        profile.write(path, change.text)
    else:
        path.unlink()  # activate made it
    active = f"The active profile is {change.other}." if change.other else "No profile is active."
    click.echo(f"The profile homeport is out of {path}. {active}")
