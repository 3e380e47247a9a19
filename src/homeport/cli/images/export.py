"""`homeport image export`: an image as a file that other tools read."""

import contextlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from homeport.control.known_images import KnownImage, image
from homeport.model.errors import FailedPreconditionError
from homeport.model.home import default_home
from homeport.plan.sizes import human_size

EPILOG = """\b
Examples:
  homeport image export im-4kXc root.tar
  homeport image export im-4kXc - | tar -t | head
  homeport image export im-4kXc image.tar --format oci
  skopeo copy oci-archive:image.tar docker://registry.example.org/team/image:1
  skopeo copy oci-archive:image.tar docker-archive:for-docker-load.tar
"""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@click.command(epilog=EPILOG)
@click.argument("image_id", metavar="IMAGE")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["tar", "oci"]),
    default="tar",
    help="tar: the root file system. oci: an image of layers, with its configuration.  [default: tar]",
)
@click.option("-f", "--force", is_flag=True, help="Replace FILE if it exists.")
def command(image_id: str, file: Path, form: str, force: bool) -> None:
    """Write IMAGE to FILE, - for standard output (tar only).

    An image over this machine's own userland takes /usr of this machine along. Files belong to root.
    """
    home = default_home()
    known = image(home, image_id)
    if known.state != "built":
        raise FailedPreconditionError(
            f"Image {known.image_id} is not built ({known.state}): nothing to export."
        )
    layers = [home.layers / layer.name for layer in known.layers]
    gone = [layer.name for layer in layers if not layer.is_dir()]
    if gone:
        raise FailedPreconditionError(
            f"Layer {gone[0]} of image {known.image_id} is gone. Run its app again, which builds it."
        )
    if str(file) == "-":
        _to_stdout(known, layers, form)
        return
    if file.exists() and not force:
        raise FailedPreconditionError(f"{file} exists. Name another file, or replace it with --force.")
    skipped, size = _to_file(known, layers, form, file)
    click.echo(f"{known.image_id} is in {file} ({human_size(size)}).", err=True)
    _tell_skipped(skipped)


def _to_stdout(known: KnownImage, layers: list[Path], form: str) -> None:
    if form != "tar":
        raise click.UsageError("--format oci needs a file: what it begins with is known at the end.")
    if sys.stdout.isatty():
        raise click.UsageError("An archive does not go to a terminal: name a file, or send it to a program.")
    from homeport.runtime.image_tar import write_root

    with _progress(known) as progress:
        skipped = write_root(sys.stdout.buffer, layers, known.host_usr, progress)
    sys.stdout.buffer.flush()
    _tell_skipped(skipped)


def _to_file(known: KnownImage, layers: list[Path], form: str, file: Path) -> tuple[list[str], int]:
    from homeport.runtime.image_tar import write_oci, write_root

    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("wb") as stream, _progress(known) as progress:
            if form == "tar":
                skipped = write_root(stream, layers, known.host_usr, progress)
            else:
                config = _config(known)
                skipped = write_oci(stream, layers, known.host_usr, config, known.image_id, progress)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
    return skipped, file.stat().st_size


def _config(known: KnownImage) -> dict[str, Any]:
    machine = platform.machine()
    return {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "Env": [f"{name}={value}" for name, value, _ in known.env],
            "WorkingDir": known.workdir or "/root",
            "Entrypoint": known.entrypoint or None,
            "Cmd": known.cmd or None,
            "Labels": {"homeport.image": known.image_id},
        },
        "history": [{"created_by": layer.made_by} for layer in reversed(known.layers)],
    }


def _tell_skipped(skipped: list[str]) -> None:
    if skipped:
        click.echo(
            f"{len(skipped)} files may not be read by you and are left out, such as {skipped[0]}.",
            err=True,
        )


@contextlib.contextmanager
def _progress(known: KnownImage) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; its end is not known where this machine's /usr comes along."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("exporting", total=None if known.host_usr else known.size_bytes)
        yield lambda count: bar.update(task, advance=count)
