"""All that a training continues from: written into step checkpoints, and put back from the newest one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tiny_cats.config.schema import Training
from tiny_cats.errors import CheckpointError
from tiny_cats.training.task import Task
from training_kit import checkpoint
from training_kit.randomness import put_states, take_states

Say = Callable[[str], None]

FORMAT = "tiny_cats 1"
# Settings that decide what is learned: a resumed run has the same. All others may change between its lives.
FIXED = ("batch_size", "learning_rate", "weight_decay", "warmup_steps", "grad_clip", "seed")
UNKNOWN = float("inf")  # the best value of a run that has not validated


@dataclass(frozen=True)
class State:
    """The parts of a training that change from step to step, and what they belong to."""

    task: Task
    settings: Training
    optimiser: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler

    def begin(self, checkpoints: Path) -> tuple[int, float]:
        """Step 0 of a new run. Raises CheckpointError where the folder has checkpoints of another."""
        checkpoint.refuse_filled(checkpoints)
        return 0, UNKNOWN

    def restore(self, checkpoints: Path, say: Say) -> tuple[int, float]:
        """(steps done, best value so far) of the newest sound checkpoint, which is put in place.

        Raises CheckpointError where it is of another model, of other pictures or other settings than now.
        """
        for left in checkpoints.glob(".*.pt.*.part"):  # of a kill in the midst of writing
            left.unlink(missing_ok=True)
        content = checkpoint.newest_sound(checkpoints, FORMAT, say)
        if content is None:
            if checkpoint.step_files(checkpoints):
                raise CheckpointError(f"{checkpoints}: no checkpoint there is sound: start a new run")
            say("[TRAIN] no checkpoint to resume from: starting with step 1")
            return 0, UNKNOWN
        self._refuse_another(content, checkpoint.step_path(checkpoints, content["step"]))
        self.task.model.load_state_dict(content["model"])
        self.task.load_extra_state(content["extra"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scheduler.load_state_dict(content["scheduler"])
        put_states(content["random_states"])
        say(f"[TRAIN] resuming after step {content['step']}")
        return content["step"], content["best"]

    def write(self, checkpoints: Path, step: int, best: float, say: Say) -> Path:
        """Writes step `step`, and says so once it is durable."""
        path = checkpoint.step_path(checkpoints, step)
        content = self._weights(step) | {
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "random_states": take_states(),
            "best": best,
            "settings": self._fixed(),
            "data": self.task.data_identity(),
        }
        checkpoint.write_checkpoint(path, content)
        checkpoint.drop_superseded(checkpoints, self.settings.keep_checkpoints)
        say(f"[CHECKPOINT] {path}")
        return path

    def write_best(self, path: Path, step: int, say: Say) -> None:
        """Writes the weights of the best step so far, which is all that using them takes."""
        checkpoint.write_checkpoint(path, self._weights(step))
        say(f"[CHECKPOINT] {path}")

    def _weights(self, step: int) -> checkpoint.Content:
        model = self.task.model.state_dict()
        return {
            "format": FORMAT,
            "task": self.task.name,
            "about": self.task.about(),
            "model": {name: value.detach().cpu() for name, value in model.items()},
            "extra": self.task.extra_state(),
            "step": step,
            "versions": {package: version(package) for package in ("torch", "numpy")},
        }

    def _fixed(self) -> dict[str, Any]:
        return {name: getattr(self.settings, name) for name in FIXED}

    def _refuse_another(self, content: checkpoint.Content, path: Path) -> None:
        if content["task"] != self.task.name:
            raise CheckpointError(f"{path}: of a {content['task']}, and this trains a {self.task.name}")
        then = {
            **content["about"],
            **{f"training.{key}": value for key, value in content["settings"].items()},
        }
        now = {**self.task.about(), **{f"training.{key}": value for key, value in self._fixed().items()}}
        changed = [
            f"{key} was {_short(then.get(key))} and is {_short(now.get(key))}"
            for key in sorted({*then, *now})
            if then.get(key) != now.get(key)
        ]
        if changed:
            raise CheckpointError(f"{path}: of another training ({'; '.join(changed)}): start a new run")
        if content["data"] != self.task.data_identity():
            raise CheckpointError(
                f"{path}: trained on other pictures, or others for validation, than these: "
                "put them back, or start a new run"
            )


def read_weights(path: Path, task_name: str) -> checkpoint.Content:
    """A checkpoint of `task_name`, for use: its entries `about`, `model`, `extra` and `step`.

    Raises CheckpointError where it is missing, damaged, or of another kind of training.
    """
    content = checkpoint.read_checkpoint(path, FORMAT)
    if content["task"] != task_name:
        raise CheckpointError(
            f"{path}: a {content['task']} was trained into it, and a {task_name} is asked for"
        )
    return content


def of_another_model(path: Path, error: Exception) -> CheckpointError:
    """What is said of a checkpoint whose weights this version cannot use, for a reason in a line."""
    words = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(
        f"{path}: of another model than this version makes ({words}): use the version that trained it"
    )


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
