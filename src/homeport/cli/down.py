"""`homeport down`: stops the engine and its containers."""

import click

from homeport.cli import holdings, service
from homeport.model.errors import FailedPreconditionError
from homeport.model.home import default_home

EPILOG = """\b
Examples:
  homeport down                  trainings that run end, detached ones too
  homeport down --timeout 120    give containers longer to save what they have
"""


@click.command(epilog=EPILOG)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="Seconds to wait.",
)
def command(timeout_s: float) -> None:
    """Stop the engine and its containers. State stays: volumes, images, deployed apps, logs."""
    home = default_home()
    endpoint = service.settled(home)
    before = holdings.live_containers(home)
    if endpoint is None:
        if before:
            raise FailedPreconditionError(
                f"No engine is up, but {holdings.count(before)} of an engine that was killed still run. Stop "
                "them: homeport up && homeport down"
            )
        click.echo("No engine is up.")
        return
    service.stop(home, endpoint, timeout_s=timeout_s)
    left = {container.task_id for container in holdings.live_containers(home)}
    stopped = [container for container in before if container.task_id not in left]
    click.echo(f"Stopped the engine at {endpoint.server_url} (pid {endpoint.pid}).")
    for container in stopped:
        click.echo(f"Stopped container {container.task_id} ({container.described})")
    if left:
        raise FailedPreconditionError(
            f"Containers still run: {', '.join(sorted(left))}. To end them: homeport up && homeport down"
        )
