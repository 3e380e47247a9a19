"""All that a training continues from: written into step checkpoints, and put back from the newest one."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seizure.cache.key import CODE_VERSION
from seizure.config import Config
from seizure.errors import CheckpointError
from seizure.model import SeizureNet
from seizure.training.checkpoint import FIXED, FORMAT, describe_model
from training_kit import checkpoint
from training_kit.devices import Place, gather_objects, wait_for_others
from training_kit.randomness import put_states, seed_all, take_states

Say = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """The parts of a training that change from step to step, and what they belong to."""

    config: Config
    channels: tuple[str, ...]
    train_ids: Sequence[str]
    val_ids: Sequence[str]
    model: SeizureNet
    optimiser: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    place: Place

    def begin(self, checkpoints: Path) -> tuple[int, float]:
        """Step 0 of a new run. Raises CheckpointError where the folder has checkpoints of another."""
        checkpoint.refuse_filled(checkpoints)
        return 0, float("inf")

    def restore(self, checkpoints: Path, say: Say) -> tuple[int, float]:
        """(steps done, best validation loss) of the newest sound checkpoint, whose state is put in place.

        Raises CheckpointError where its settings or recordings are others than now.
        """
        content = checkpoint.newest_sound(checkpoints, FORMAT, say)
        if content is None:
            say("[TRAIN] no checkpoint to resume from: starting with step 1")
            return 0, float("inf")
        self._refuse_another(content)
        self.model.load_state_dict(content["model"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.scheduler.load_state_dict(content["scheduler"])
        self.scaler.load_state_dict(content["scaler"])
        step, states = content["step"], content["random_states"]
        if len(states) == self.place.world:
            put_states(states[self.place.rank])
        else:
            say(f"[TRAIN] {len(states)} processes then, {self.place.world} now: other batches from here on")
            seed_all(self.config.training.seed + step, self.place.rank)
        say(f"[TRAIN] resuming after step {step}")
        return step, content["best_val_loss"]

    def write(self, checkpoints: Path, step: int, best_loss: float, say: Say) -> Path:
        """Writes step `step`, and says so once it is durable; all processes return together."""
        path = checkpoint.step_path(checkpoints, step)
        states = gather_objects(take_states(), self.place)
        if self.place.is_first:
            content = describe_model(self.config, self.channels, self.model, step) | {
                "optimiser": self.optimiser.state_dict(),
                "scheduler": self.scheduler.state_dict(),
                "scaler": self.scaler.state_dict(),
                "random_states": states,
                "best_val_loss": best_loss,
                "recordings": self._recordings(),
            }
            checkpoint.write_checkpoint(path, content)
            checkpoint.drop_superseded(checkpoints, self.config.training.keep_checkpoints)
            say(f"[CHECKPOINT] {path}")
        wait_for_others(self.place)
        return path

    def write_best(self, path: Path, step: int, say: Say) -> None:
        """Writes the weights of the best step so far, which is all that using them takes."""
        if self.place.is_first:
            content = describe_model(self.config, self.channels, self.model, step)
            checkpoint.write_checkpoint(path, content)
            say(f"[CHECKPOINT] {path}")
        wait_for_others(self.place)

    def _recordings(self) -> dict[str, Any]:
        digest = hashlib.sha256("\n".join((*self.train_ids, "", *self.val_ids)).encode()).hexdigest()
        return {"train": len(self.train_ids), "val": len(self.val_ids), "sha256": digest}

    def _refuse_another(self, content: checkpoint.Content) -> None:
        step = content["step"]
        now = self.config.model_dump(mode="json")
        found = list(checkpoint.differences(content["config"], now, FIXED))
        if found:
            raise CheckpointError(
                f"the checkpoint of step {step} cannot be resumed with other settings ({'; '.join(found)}): "
                "put them back, or start a new run"
            )
        version = content.get("preprocessing_version", 1)
        if version != CODE_VERSION:
            raise CheckpointError(
                f"the checkpoint of step {step} saw recordings prepared by version {version} of the "
                f"preprocessing, and this is version {CODE_VERSION}: start a new run"
            )
        then, now = content["recordings"], self._recordings()
        if then != now:
            counts = (
                f"{then['train']} train, {then['val']} val then; {now['train']} train, {now['val']} val now"
            )
            raise CheckpointError(
                f"the checkpoint of step {step} saw other recordings ({counts}): "
                "put them back, or start a new run"
            )
