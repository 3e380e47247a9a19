"""Checkpoints: written whole or not at all, checked when read, safe to load (no pickled code).

`step-000400.pt` holds all that continuing takes; `best.pt` only what using the model takes. Of its own
step files a run keeps the newest few: the one thing that is ever deleted, since later ones supersede them.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from training_kit import files
from training_kit.errors import CheckpointError

STEP_FILE = re.compile(r"step-(\d+)\.pt")
BEST = "best.pt"
Content = dict[str, Any]
Format = int | str


def step_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.pt"


def step_files(folder: Path) -> list[Path]:
    """The step checkpoints of a run, newest first."""
    found = [path for path in folder.glob("step-*.pt") if STEP_FILE.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.stem.removeprefix("step-")), reverse=True)


def refuse_filled(folder: Path) -> None:
    """Raises CheckpointError where a run that begins would write among another one's checkpoints."""
    found = step_files(folder)
    if found:
        raise CheckpointError(f"{folder} holds {found[0].name}: resume that run, or start in a new folder")


def after_divergence(folder: Path) -> str:
    """What is left of a run that has diverged, and what to do."""
    kept = step_files(folder)
    good = f"the last good checkpoint is {kept[0]}" if kept else "there is no checkpoint yet"
    return f"training stopped, {good}; lower training.learning_rate and start anew"


def write_checkpoint(path: Path, content: Content) -> None:
    """Writes a temporary file beside `path`, makes it durable and renames it.

    Raises CheckpointError where it cannot be written, and leaves nothing half written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with files.whole(path) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        # on a full disk torch.save fails a second time as it ends the archive, by an error of its own
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise CheckpointError(
            f"{path}: cannot be written: {cause.strerror}; is there room on the disk?"
        ) from None
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_checkpoint(path: Path, form: Format) -> Content:
    """What `write_checkpoint` wrote, on the CPU; `form` is what its entry `format` has to be.

    Raises CheckpointError where the file is missing, damaged or no checkpoint.
    """
    try:
        # torch.load takes a changed byte as it comes: the archive's own check sums are compared first
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise CheckpointError(f"{path}: damaged: {broken} is not what was written")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(
            f"{path}: {error.strerror}; a run's checkpoints are in its folder checkpoints/"
        ) from None
    except Exception as error:  # whatever a damaged archive makes zipfile or torch say
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: damaged, or no checkpoint: {words}") from None
    if not isinstance(content, dict) or content.get("format") != form:
        raise CheckpointError(f"{path}: not a checkpoint of this version (format {form})")
    return content


def newest_sound(folder: Path, form: Format, say: Callable[[str], None]) -> Content | None:
    """The newest step checkpoint that can be read, or None; each damaged one is named in a line."""
    for path in step_files(folder):
        try:
            return read_checkpoint(path, form)
        except CheckpointError as error:
            say(f"[CHECKPOINT] {error}; taking the one before")
    return None


def drop_superseded(folder: Path, keep: int) -> None:
    """Deletes all but the newest `keep` step files. Nothing else in the folder is touched."""
    for path in step_files(folder)[keep:]:
        path.unlink(missing_ok=True)


def differences(before: Content, now: Content, fixed: Sequence[str]) -> Iterator[str]:
    """`model.preset: tiny then, base now`: of the settings that a resumed run may not change."""
    for key in fixed:
        section, name = key.split(".")
        then, today = before[section].get(name), now[section][name]
        if then != today:
            yield f"{key}: {then} then, {today} now"
