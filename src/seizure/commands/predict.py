"""`predict`: events of EDF files, with a trained model."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seizure.commands.bar import Announce, counting
from seizure.errors import RecordingError, SeizureError
from training_kit import files

if TYPE_CHECKING:
    from seizure.training.checkpoint import TrainedModel


@click.command()
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="EDF|DIR …")
@click.option(
    "--model",
    required=True,
    type=click.Path(path_type=Path),
    help="A checkpoint, or a run's folder, whose best one is taken.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File for one recording, folder for several; without it events are printed.",
)
@click.option(
    "--format", "form", type=click.Choice(["tsv", "csv_bi"]), default="tsv", show_default=True,
    help="HED-SCORE TSV, as SzCORE reads it, or TUSZ's csv_bi.",
)  # fmt: skip
@click.option("--threshold", type=click.FloatRange(0, 1), help="In place of the one fitted on validation.")
@click.option(
    "--scratch",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder for the prepared signal of long recordings; the system's if none is named.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    recordings: tuple[Path, ...],
    model: Path,
    out: Path | None,
    form: str,
    threshold: float | None,
    scratch: Path | None,
    as_json: bool,
) -> int:
    """Find seizures in EDF files, or in all EDF files of folders.

    A file that cannot be read is named and makes the exit status 1; the others are predicted all the same.

    \b
    Examples:
      python -m seizure predict recording.edf --model runs/smoke-20250101-120000
      python -m seizure predict recording.edf --model best.pt --out events.tsv
      python -m seizure predict recordings/ --model best.pt --out events/ --format csv_bi
    """
    from seizure.prediction import find_recordings, predict, threshold_of

    found = find_recordings(recordings)
    is_folder = len(found) > 1 or any(path.is_dir() for path in recordings)
    if out is None and is_folder and not as_json:
        raise click.UsageError("several recordings: name a folder for their events by --out DIR")
    if out is not None and is_folder and out.is_file():
        raise click.UsageError(f"{out} is a file: several recordings need a folder")
    trained = _load(model)
    chosen = threshold_of(trained, threshold)
    if trained.postprocessing.lengths_to_fit:
        names = " and ".join(trained.postprocessing.lengths_to_fit)
        _say(f"note: {trained.path}: the recipe's {names}, until evaluate --split val fits them")
    predictions, failed = [], []
    with counting("Predicting") as announce:
        for number, (path, name) in enumerate(found.items(), 1):
            announce(number, len(found), str(path))
            inside = _inside(announce, number, len(found), str(path))
            try:
                prediction = predict(trained, path, chosen, scratch=scratch, announce=inside)
            except RecordingError as error:
                failed.append({"recording": str(path), "fault": error.fault.value, "detail": error.detail})
                _say(f"error: {error}")
                continue
            for notice in prediction.notices:
                _say(f"note: {path}: {notice}")
            predictions.append(prediction)
            if out is not None:
                _write(_place(out, name, form, is_folder), prediction.text(form))
    if as_json:
        result = {"model": str(trained.path), "montage": trained.montage, "threshold": chosen}
        done = [prediction.as_json() for prediction in predictions]
        click.echo(json.dumps({**result, "recordings": done, "failed": failed}, indent=1))
    elif out is None:
        for prediction in predictions:
            click.echo(prediction.text(form), nl=False)
    return 1 if failed else 0


def _load(model: Path) -> "TrainedModel":
    from seizure.training.checkpoint import load_model
    from training_kit.checkpoint import BEST
    from training_kit.devices import one_device

    path = model / "checkpoints" / BEST if model.is_dir() else model
    trained = load_model(path, one_device())
    if trained.notice:
        click.echo(f"note: {trained.notice}", err=True)
    return trained


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # not click.echo: it writes into a bar's line, past the bar


def _inside(announce: Announce, number: int, of: int, name: str) -> Callable[[int, int], None]:
    """Windows of one recording, as a share of it."""
    return lambda done, windows: announce(number, of, name, done / windows)


def _place(out: Path, name: Path, form: str, is_folder: bool) -> Path:
    """Where a recording's events go: `out` itself, or below it where it is a folder."""
    if not is_folder and not out.is_dir():
        return out
    return out / name.parent / f"{name.name}.{form}"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            files.write_text(path, text)
        except PermissionError:
            # SzCORE makes the file beforehand, in a folder that is not ours to make others in
            if not path.is_file():
                raise
            path.write_text(text)
    except OSError as error:
        raise SeizureError(f"{path}: cannot be written: {error.strerror}") from None
