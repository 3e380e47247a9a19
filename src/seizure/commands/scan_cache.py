"""`scan-cache`: how much of a cache is built, and whether it is sound; also while it is built."""

import json
from pathlib import Path

import click

STATUS = {"complete": 0, "incomplete": 1, "damaged": 1}


@click.command(epilog="\b\nExit status 0: complete. 1: recordings are missing, or shards are damaged.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--expect", type=click.IntRange(min=0), metavar="N", help="How many recordings there should be in all."
)
@click.option("--deep", is_flag=True, help="Read every sample and hold it against its checksum.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(folder: Path, expect: int | None, deep: bool, as_json: bool) -> int:
    """Say how much of the cache in DIR is built, of how many recordings, and what is damaged.

    DIR is a cache folder (of several keys in it, the one that was built into last is looked at) or one key's
    folder. Nothing is changed: `build-cache` rebuilds damaged shards, each alone.

    \b
    Examples:
      python -m seizure scan-cache cache/tusz
      python -m seizure scan-cache cache/tusz --expect 4667
      python -m seizure scan-cache cache/smoke --deep --json
    """
    from seizure.cache.scan import scan_cache

    scan = scan_cache(folder, expect, deep=deep)
    if as_json:
        click.echo(json.dumps(scan.as_json(), indent=1))
    else:
        for line in scan.lines():
            click.echo(line)
    return STATUS[scan.state]
