"""`homeport up`: starts the engine and says how to use it."""

import os
from pathlib import Path

import click

from homeport.cli import service
from homeport.model.errors import FailedPreconditionError, InvalidError
from homeport.model.home import Home, default_home

EPILOG = """\b
Examples:
  homeport up                  start it; nothing happens when it is up
  homeport up --gpu require    refuse functions with gpu= where no GPU is free
  homeport up --engine proot   translate paths instead of using namespaces
  homeport up --engine process run containers as plain processes: nothing is isolated
  homeport up --base host      images over this machine's own programs only, never a root of their own
  homeport up --foreground     stay in this terminal, until Ctrl-C
"""


@click.command(epilog=EPILOG)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"On 127.0.0.1; 0 for any free port.  [default: that of the last start, or {service.DEFAULT_PORT}]",
)
@click.option(
    "--gpu",
    type=click.Choice(["auto", "require"]),
    help="auto runs gpu= functions on the CPU where there is no GPU; require refuses them.  [default: auto]",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "namespaces", "proot", "process"]),
    help="What keeps containers apart. auto takes namespaces, or proot where they are closed; process "
    "isolates nothing.  [default: as at the last start, or auto]",
)
@click.option(
    "--image-cache",
    metavar="SIZE",
    help="What layers of images may take, such as 50GB; what was used the longest ago goes first.  "
    "[default: as at the last start, or a fifth of the disk]",
)
@click.option(
    "--base",
    type=click.Choice(["auto", "host", "debian"]),
    help="What lies below images: host is this machine's userland, debian a root file system of the user's "
    "own, auto the second one for images with steps of apt that the first cannot meet.  [default: as at the "
    "last start, or auto]",
)
@click.option(
    "--torch",
    type=click.Choice(["cpu", "exact"]),
    help="cpu gives images CPU builds of PyTorch from its own index, exact what the app asks for.  [default: "
    "as at the last start, or cpu where there is no GPU and that index answers]",
)
@click.option("--foreground", is_flag=True, help="Run in this terminal instead of as a service.")
def command(
    port: int | None,
    gpu: str | None,
    engine: str | None,
    image_cache: str | None,
    base: str | None,
    torch: str | None,
    foreground: bool,
) -> None:
    """Start the engine as a background service of this user.

    It listens on 127.0.0.1 only, and only who holds its token is served. Its log is engine.log in the home
    that `homeport status` names.
    """
    home = default_home()
    plain = {"--base": base, "--torch": torch}
    options = [
        *_image_cache(image_cache),
        *(word for pair in plain.items() if pair[1] for word in pair if word),
    ]
    if foreground:
        _stay(home, port, gpu, engine, options)
    endpoint, started = service.start(home, port=port, gpu=gpu or "auto", engine=engine, options=options)
    if not started:
        _refuse_changes(endpoint, port, gpu, engine, options)
        click.echo(f"The engine is already up at {endpoint.server_url} (pid {endpoint.pid}).")
        return
    from homeport.cli import profile  # after the start: reading TOML takes what the engine could use

    moved = profile.follow(service.read_token(home), endpoint.server_url)
    click.echo(f"The engine is up at {endpoint.server_url} (pid {endpoint.pid}).")
    if endpoint.note:
        click.echo(endpoint.note)
    if moved:
        click.echo(f"The profile in {moved} follows it to the new port.")
    elif not profile.is_active():
        click.echo('To use it in this shell:   eval "$(homeport env)"')
        click.echo("To run an app at once:     homeport run app.py")


def _image_cache(text: str | None) -> tuple[str, ...]:
    from homeport.plan.sizes import parse_size

    if text is None:
        return ()
    try:
        return ("--image-cache", str(parse_size(text)))
    except InvalidError as error:
        raise click.UsageError(f"--image-cache: {error}") from None


def _stay(home: Home, port: int | None, gpu: str | None, engine: str | None, options: list[str]) -> None:
    """Becomes the engine. Raises FailedPreconditionError if one is up."""
    service.prepare(home)
    running = service.settled(home)
    if running is not None:
        raise FailedPreconditionError(
            f"An engine is up already, at {running.server_url} (pid {running.pid}). To stop it: homeport down"
        )
    line = service.command_line(home, port=port, gpu=gpu or "auto", engine=engine, options=options)
    os.chdir(Path("/"))
    os.execv(line[0], line)


def _refuse_changes(
    endpoint: service.Endpoint, port: int | None, gpu: str | None, engine: str | None, options: list[str]
) -> None:
    """An option that a running engine cannot take up any more is an error, not ignored."""
    wanted = [f"--port {port}"] if port and port != endpoint.port else []
    wanted += [f"--gpu {gpu}"] if gpu else []
    wanted += [f"--engine {engine}"] if engine not in (None, "auto", endpoint.engine) else []
    wanted += [" ".join(options)] if options else []
    if wanted:
        raise FailedPreconditionError(
            f"The engine is already up at {endpoint.server_url}; {' '.join(wanted)} takes effect at a start: "
            f"homeport down && homeport up {' '.join(wanted)}"
        )
