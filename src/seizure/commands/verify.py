"""`verify`: holds a saved log to what its run should have done."""

import sys
from pathlib import Path

import click

from seizure.config import resolve
from seizure.errors import SeizureError
from seizure.launch.log_reading import read_log
from seizure.launch.verification import render, verify
from training_kit.config import flatten


@click.command()
@click.argument("log", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="What the run should do, if its log does not say.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(log: Path, config: Path | None, as_json: bool) -> int:
    """Check the saved log LOG (- for standard input): files, variable, cache folder, expected and seen.

    Exit status 0: the run is the one that was asked for. 1: it is not, or its log ends too early.

    \b
    Examples:
      python -m seizure verify runs/tusz-20260301-101500/run.log
      modal app logs ap-… | python -m seizure verify -
      python -m seizure verify old.log --config configs/tusz_train_a100.yaml
    """
    settings = flatten(resolve(config).config.model_dump(mode="json")) if config else None
    found = verify(read_log(_read(log)), settings, is_saved=True)
    click.echo(found.as_json().rstrip() if as_json else "\n".join(render(found)))
    return 0 if found.is_sound else 1


def _read(path: Path) -> str:
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise SeizureError(f"{path}: {error.strerror}; a run's log is run.log in its folder") from None
    return content.decode("utf-8", errors="replace")
