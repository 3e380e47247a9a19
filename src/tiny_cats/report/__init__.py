"""The report of a run of either training: one HTML page, from what its folder holds.

`facts` reads the folder into values, `page` makes HTML of them with `curves`. What is missing, since a run is
unfinished or failed early, is said on the page.
"""

from pathlib import Path

from training_kit.files import write_text

NAME = "report.html"


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Writes the report of the run in `folder` to `out` (`report.html` in it), and returns where it is.

    Raises CatsError where the folder is no run's.
    """
    from tiny_cats.report.facts import gather  # matplotlib: not before a report is asked for
    from tiny_cats.report.page import render_page

    path = out or folder / NAME
    write_text(path, render_page(gather(folder)))
    return path
