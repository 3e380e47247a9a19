"""`homeport runs prune`: the engine removes records, since it knows which runs go on and what is in use."""

import json
import sys
from typing import Any

import click

from homeport.cli.door import ask
from homeport.model.errors import InvalidError
from homeport.plan.sizes import human_size, parse_age

EPILOG = """\b
Examples:
  homeport runs prune --older-than 30d
  homeport runs prune --keep 100 --yes
  homeport runs prune --keep 100 --older-than 30d --dry-run
"""


@click.command(epilog=EPILOG)
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Not the newest N runs.")
@click.option("--older-than", metavar="AGE", help="Only runs that ended so long ago: 30m, 12h, 30d, 4w.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(keep: int | None, older_than: str | None, dry_run: bool, yes: bool, form: str) -> int:
    """Remove records of runs, by their number or age; where both are named, what is beyond both.

    Runs that go on stay, and deployments that are in use. What is removed cannot be had again.
    """
    if keep is None and older_than is None:
        raise click.UsageError("Say which runs go: --keep N, --older-than AGE, or both.")
    try:
        age_s = 0.0 if older_than is None else parse_age(older_than)
    except InvalidError as error:
        raise click.UsageError(str(error)) from None
    wanted: dict[str, object] = {"keep": keep or 0, "older_than_s": age_s}
    if not dry_run and not yes:
        found = _ask(wanted, dry_run=True)
        if found["run_ids"] and not _is_meant(found):
            return 1
    answer = _ask(wanted, dry_run=dry_run)
    if form == "json":
        click.echo(json.dumps(answer))
    else:
        click.echo(_said(answer, "would be removed" if dry_run else "removed"))
    return 0


def _ask(wanted: dict[str, object], *, dry_run: bool) -> dict[str, Any]:
    return ask("runs/prune", {**wanted, "dry_run": dry_run}, timeout_s=600)


def _is_meant(found: dict[str, Any]) -> bool:
    if not sys.stdin.isatty():
        raise InvalidError(f"{_said(found, 'would be removed')}. Nothing was: without a terminal, add --yes.")
    return click.confirm(f"{_said(found, 'will be removed')}. Go on?", err=True)


def _said(answer: dict[str, Any], verb: str) -> str:
    number = len(answer["run_ids"])
    what = "record of a run" if number == 1 else "records of runs"
    return f"{number} {what} {verb}, {human_size(answer['freed_bytes'])} in all"
