"""The report of a run: one HTML page with scores, curves and pictures of events, from what its folder holds.

`gather` reads the folder into values (`facts`), `page` makes HTML of them with `curves` (matplotlib),
`strips` and `eeg` (SVG of its own). What is missing, since a run is unfinished or a cache elsewhere, is said
on the page.
"""

from pathlib import Path

from training_kit.files import write_text

NAME = "report.html"


def write_report(run_folder: Path, out: Path | None = None) -> Path:
    """Writes the report of `run_folder` to `out` (by default `report.html` in it) and returns where it is.

    Raises SeizureError where the folder is no run's.
    """
    from seizure.report.gather import gather  # matplotlib and scipy: not before a report is asked for
    from seizure.report.page import render

    path = out or run_folder / NAME
    write_text(path, render(gather(run_folder)))
    return path
