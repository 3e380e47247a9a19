"""`homeport image list`."""

import json
import shutil
import time
from dataclasses import asdict

import click

from homeport.control.known_images import KnownImage, images
from homeport.model.home import default_home
from homeport.plan.durations import human_age
from homeport.plan.sizes import human_size

EPILOG = """\b
Examples:
  homeport image list
  homeport image list --all
  homeport image list --format json | jq -r '.images[] | select(.runs == 0) | .image_id'
"""


@click.command(epilog=EPILOG)
@click.option(
    "-a", "--all", "shows_all", is_flag=True, help="Also those that no container ran: steps on the way."
)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", help="[default: table]"
)
def command(shows_all: bool, form: str) -> None:
    """List images, the most recently used first.

    SIZE counts every layer of an image; images share layers, so sizes do not add up. The last line says what
    all layers take together.
    """
    known = images(default_home())
    shown = [image for image in known if shows_all or image.runs]
    total = sum({layer.name: layer.size_bytes for image in known for layer in image.layers}.values())
    if form == "json":
        rows = [{**asdict(image), "env": dict(pair[:2] for pair in image.env)} for image in shown]
        click.echo(json.dumps({"images": rows, "layers_bytes": total}))
        return
    if not shown:
        others = f" {len(known)} were built on the way: homeport image list --all" if known else ""
        click.echo(f"No image that a container ran.{others}")
        return
    _table([("IMAGE", "SIZE", "USED", "NOTES", "FOR"), *(_row(image) for image in shown)])
    click.echo(f"{len(shown)} of {len(known)} images; all layers take {human_size(total)}")


def _row(image: KnownImage) -> tuple[str, ...]:
    used = "now" if image.used_at is None else f"{human_age(time.time() - image.used_at)} ago"
    what = ", ".join(image.apps) or "?"
    step = f": {image.made_by}" if image.made_by else ""
    state = "" if image.state == "built" else f"({image.state}) "
    line = " ".join(f"{state}{what}{step}".split())
    return image.image_id, human_size(image.size_bytes), used, str(len(image.notes) or "-"), line


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    room = shutil.get_terminal_size((160, 24)).columns
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]])[:room].rstrip())
