"""`homeport image prune`: the engine removes images, since it knows which are in use."""

import json

import click

from homeport.cli.door import ask
from homeport.model.errors import InvalidError
from homeport.plan.sizes import human_size, parse_age

EPILOG = """\b
Examples:
  homeport image prune                      what nothing used for a day
  homeport image prune --older-than 4w
  homeport image prune --all --dry-run      what would go if everything unused went
  homeport image prune --all --packages     as much room as can be had
"""

_DEFAULT = "1d"


@click.command(epilog=EPILOG)
@click.option(
    "--older-than", metavar="AGE", help=f"Unused for so long: 30m, 12h, 7d, 4w.  [default: {_DEFAULT}]"
)
@click.option("-a", "--all", "takes_all", is_flag=True, help="However lately it was used.")
@click.option(
    "--packages", is_flag=True, help="Also what pip and uv fetched, which makes later builds slower."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="[default: text]")
def command(older_than: str | None, takes_all: bool, packages: bool, dry_run: bool, form: str) -> None:
    """Remove images that nothing uses, and the layers that only they have.

    In use is what a container has, what a running app asked for, and what functions of deployed apps name.
    What is removed is built again when it is needed; bases and Pythons stay.
    """
    if takes_all and older_than:
        raise click.UsageError("--all and --older-than exclude each other.")
    try:
        age_s = 0.0 if takes_all else parse_age(older_than or _DEFAULT)
    except InvalidError as error:
        raise click.UsageError(str(error)) from None
    wanted: dict[str, object] = {"older_than_s": age_s, "packages": packages, "dry_run": dry_run}
    answer = ask("images/prune", wanted, timeout_s=600)
    if form == "json":
        click.echo(json.dumps(answer))
        return
    for image_id in answer["image_ids"]:
        click.echo(image_id)
    number = len(answer["image_ids"])
    verb = "would be removed" if dry_run else "removed"
    freed = human_size(answer["freed_bytes"])
    click.echo(
        f"{number} {'image' if number == 1 else 'images'} {verb}, {freed} {'would be ' * dry_run}freed"
    )
