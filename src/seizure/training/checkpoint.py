"""What the detector's checkpoints hold, and a model ready for use made from one.

`best.pt` also gets the threshold, once one is fitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from seizure.cache.key import CODE_VERSION
from seizure.config import Config
from seizure.config.schema import Postprocessing
from seizure.model import SeizureNet, build_model
from training_kit import checkpoint as kept
from training_kit.checkpoint import Content, write_checkpoint

FORMAT = 1


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


def read_checkpoint(path: Path) -> Content:
    """What was written there. Raises CheckpointError where it is missing, damaged or another program's."""
    return kept.read_checkpoint(path, FORMAT)


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
