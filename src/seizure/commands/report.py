"""`report RUN`: writes the HTML report of a run, finished or not, and says where it is."""

import re
import webbrowser
from pathlib import Path

import click

from seizure.errors import SeizureError


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write here.")
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
def command(run: Path, out: Path | None, is_opened: bool) -> None:
    """Write the report of RUN: one HTML page with scores, curves and pictures of events.

    RUN is a run's folder, or a results folder, whose latest run is taken. A run that is not finished has a
    report too: it says what is missing.

    \b
    Examples:
      python -m seizure report results/runs/smoke-20260301-101500
      python -m seizure report results --open
    """
    from seizure.report import write_report

    folder = find_run(run)
    if folder != run:
        click.echo(f"The latest run in {run} is {folder.name}.")
    try:
        path = write_report(folder, out)
    except OSError as error:
        raise SeizureError(
            f"{error.filename or out or folder}: {error.strerror}; name another file by --out"
        ) from None
    click.echo(f"Report: {path}")
    if is_opened and not webbrowser.open(path.resolve().as_uri()):
        click.echo("No browser could be started: open that file yourself.", err=True)


def find_run(path: Path) -> Path:
    """`path` where it is a run's folder, else the latest run in it. Raises SeizureError: there is none."""
    if (path / "config.json").exists():
        return path
    if not path.is_dir():
        raise SeizureError(f"{path} is no folder: name a run's, such as results/runs/smoke-20260301-101500")
    for runs in (path / "runs", path):
        folders = [config.parent for config in runs.glob("*/config.json")]
        if folders:
            return max(folders, key=lambda folder: (started(folder), folder.name))
    raise SeizureError(f"{path} holds no run: a run's folder has a config.json, and lies in <results>/runs")


def started(folder: Path) -> str:
    """The time in a run's name, <name>-<YYYYmmdd-HHMMSS>: a file's own time may be that of a copy."""
    match = re.search(r"\d{8}-\d{6}(-\d+)?$", folder.name)
    return match[0] if match else ""
