"""Checkpoints: written whole or not at all, checked when read, safe to load (no pickled code).

`step-000400.pt` holds all that continuing takes; `best.pt` only what using the model takes, and the
threshold once one is fitted. Of its own step files a run keeps the newest few: the one thing that is ever
deleted, since a later checkpoint supersedes them.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from seizure import files
from seizure.cache.key import CODE_VERSION
from seizure.config import Config
from seizure.config.schema import Postprocessing
from seizure.errors import CheckpointError
from seizure.model import SeizureNet, build_model

FORMAT = 1
STEP_FILE = re.compile(r"step-(\d+)\.pt")
BEST = "best.pt"
Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model in evaluation mode, with what it was trained for. `threshold` is None until one is fitted."""

    model: SeizureNet
    config: Config
    channels: tuple[str, ...]
    montage: str
    step: int
    threshold: float | None
    postprocessing: Postprocessing
    path: Path
    preprocessing_version: int = CODE_VERSION  # of the code that prepared what it was trained on

    @property
    def notice(self) -> str:
        """What to say before this model is used; "" where there is nothing."""
        if self.preprocessing_version == CODE_VERSION:
            return ""
        return (
            f"{self.path}: trained on recordings prepared by version {self.preprocessing_version} of the "
            f"preprocessing, and this is version {CODE_VERSION}: its results may be others by now"
        )


def load_model(path: Path, device: str = "cpu") -> TrainedModel:
    """The model in `path`, ready for use. Raises CheckpointError where it is missing, damaged or not one."""
    content = read_checkpoint(path)
    config = Config.model_validate(content["config"])
    channels = tuple(content["channels"])
    with torch.random.fork_rng(devices=[]):  # fresh weights are drawn, and thrown away
        model = build_model(config.model.preset, len(channels))
    model.load_state_dict(content["model"])
    model.to(device).eval()
    postprocessing = Postprocessing.model_validate(content.get("postprocessing") or config.postprocessing)
    return TrainedModel(
        model,
        config,
        channels,
        content["montage"],
        content["step"],
        content.get("threshold"),
        postprocessing,
        path,
        content.get("preprocessing_version", 1),
    )


def set_threshold(path: Path, threshold: float, postprocessing: Postprocessing) -> None:
    """Writes the threshold fitted on validation, and the post-processing it was fitted with, into `path`."""
    content = read_checkpoint(path)
    write_checkpoint(
        path, content | {"threshold": threshold, "postprocessing": postprocessing.model_dump(mode="json")}
    )


def describe_model(config: Config, channels: Sequence[str], model: SeizureNet, step: int) -> Content:
    """What every checkpoint says: the weights, what they were trained on, and with which versions."""
    return {
        "format": FORMAT,
        "model": {name: value.detach().cpu() for name, value in model.state_dict().items()},
        "config": config.model_dump(mode="json"),
        "preprocessing_version": CODE_VERSION,
        "montage": config.preprocessing.montage,
        "channels": list(channels),
        "step": step,
        "versions": {package: version(package) for package in ("torch", "numpy", "scipy")},
    }


def step_path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.pt"


def step_files(folder: Path) -> list[Path]:
    """The step checkpoints of a run, newest first."""
    found = [path for path in folder.glob("step-*.pt") if STEP_FILE.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.stem.removeprefix("step-")), reverse=True)


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


def read_checkpoint(path: Path) -> Content:
    """What `write_checkpoint` wrote, on the CPU.

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
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of this version (format {FORMAT})")
    return content


def newest_sound(folder: Path, say: Callable[[str], None]) -> Content | None:
    """The newest step checkpoint that can be read, or None; each damaged one is named in a line."""
    for path in step_files(folder):
        try:
            return read_checkpoint(path)
        except CheckpointError as error:
            say(f"[CHECKPOINT] {error}; taking the one before")
    return None


def drop_superseded(folder: Path, keep: int) -> None:
    """Deletes all but the newest `keep` step files. Nothing else in the folder is touched."""
    for path in step_files(folder)[keep:]:
        path.unlink(missing_ok=True)


def differences(before: Content, now: Content) -> Iterator[str]:
    """`model.preset: tiny then, base now`: the settings that a resumed run may not change."""
    for key in FIXED:
        section, name = key.split(".")
        then, today = before[section].get(name), now[section][name]
        if then != today:
            yield f"{key}: {then} then, {today} now"


# Settings that decide what is learned from which data in which order. All others (steps, logging, loader,
# tracking, precision, post-processing, where the data lie) may change from one life of a run to the next.
FIXED = (
    *(
        f"preprocessing.{name}"
        for name in ("montage", "rate_hz", "low_hz", "high_hz", "mains_hz", "clip_sigma")
    ),
    *(f"model.{name}" for name in ("preset", "window_s")),
    *(f"data.{name}" for name in ("split", "release", "holdout_val_files", "limit_files", "limit_val_files")),
    *(f"training.{name}" for name in ("batch_size", "learning_rate", "weight_decay", "warmup_steps")),
    *(f"training.{name}" for name in ("grad_clip", "seizure_share", "seed")),
)
