"""`report`: write the HTML report of a run"""

from pathlib import Path

import click

from tiny_cats.errors import CatsError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write here.")
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
def command(run: Path, out: Path | None, is_opened: bool) -> int:
    """Write the report of RUN, a folder in runs/, of either training: one HTML page with all its pictures.

    A run writes it at its end. One that is not finished has a report too: it says what is missing.

    \b
    Examples:
      python -m tiny_cats report runs/tinydit-20260301-101500
      python -m tiny_cats report runs/classifier-20260301-101500 --out report.html --open
    """
    import webbrowser

    from tiny_cats.report import write_report

    try:
        path = write_report(run, out)
    except OSError as error:
        raise CatsError(
            f"{error.filename or out or run}: {error.strerror}; name another file by --out"
        ) from None
    click.echo(f"Report: {path}")
    if is_opened and not webbrowser.open(path.resolve().as_uri()):
        click.echo("No browser could be started: open that file yourself.", err=True)
    return 0
