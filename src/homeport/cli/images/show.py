"""`homeport image show`."""

import json
import time
from dataclasses import asdict

import click

from homeport.control.known_images import KnownImage, image
from homeport.model.home import default_home
from homeport.plan.durations import human_age
from homeport.plan.sizes import human_size

EPILOG = """\b
Examples:
  homeport image show im-4kXcQbdZtFZxHCk7HZqQ0Y
  homeport image show im-4kXc                       the beginning is enough where it is unmistakable
  homeport image show im-4kXc --format json | jq .layers
"""


@click.command(epilog=EPILOG)
@click.argument("image_id", metavar="IMAGE")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(image_id: str, form: str) -> None:
    """Show what an image is made of, and where it differs from what was asked for."""
    known = image(default_home(), image_id)
    if form == "json":
        click.echo(json.dumps({**asdict(known), "env": dict(pair[:2] for pair in known.env)}))
        return
    _print(known)


def _print(known: KnownImage) -> None:
    used = "now" if known.used_at is None else f"{human_age(time.time() - known.used_at)} ago"
    _line("image", f"{known.image_id}, {known.state}, {human_size(known.size_bytes)}")
    _line("for", ", ".join(known.apps) or "no app that is known any more")
    _line("used", f"{used}, by {known.runs} containers so far")
    if known.error:
        _line("error", known.error)
    _line("python", known.python or "none")
    _line("workdir", known.workdir or "/root")
    for number, (name, value, set_by) in enumerate(known.env):
        _line("" if number else "env", f"{name}={value}   ({' '.join(set_by.split())[:60]})")
    if known.entrypoint:
        _line("entrypoint", json.dumps(known.entrypoint))
    if known.cmd:
        _line("cmd", json.dumps(known.cmd))
    for number, layer in enumerate(reversed(known.layers)):
        made = " ".join(layer.made_by.split())
        _line("" if number else "layers", f"{layer.name}  {human_size(layer.size_bytes):>10}  {made}")
    for number, note in enumerate(known.notes):
        _line("" if number else "notes", note)


def _line(title: str, text: str) -> None:
    click.echo(f"{title:<12}{text}")
