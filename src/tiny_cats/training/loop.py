"""Trains a task: read it from top to bottom. Everything that it resumes from is in its checkpoints.

On a CPU a run that was killed and resumed gives the same losses, bit for bit, as one that was not, at the
same number of threads; on GPUs as far as their kernels are deterministic.
"""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tiny_cats.config.schema import Training
from tiny_cats.errors import DivergenceError, OutOfMemoryError
from tiny_cats.run import Run
from tiny_cats.training import resuming
from tiny_cats.training.ahead import batches_for
from tiny_cats.training.gradient import backward
from tiny_cats.training.memory import is_out_of_memory, said_of_memory, what_fits
from tiny_cats.training.task import Task
from training_kit import checkpoint
from training_kit.devices import Place, number_format
from training_kit.metrics import Line, Metrics
from training_kit.pace import Pace, progress_bar
from training_kit.parameters import decay_groups
from training_kit.randomness import step_generator
from training_kit.record import Record, first_not_finite
from training_kit.schedule import learning_rate_share
from training_kit.tracking import Trackers, wished_trackers

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """`steps`: done in total, over all lives of the run. `losses`: of the steps of this life."""

    best_checkpoint: Path
    last_checkpoint: Path
    steps: int
    losses: list[float]


def train(
    task: Task,
    settings: Training,
    folder: Path,
    place: Place,
    *,
    resume: bool = False,
    max_steps: int | None = None,
    say: Say = print,
    trackers_from: Callable[[int], Trackers] | None = None,
    on_checkpoint: Callable[[], None] = lambda: None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Trains to step `settings.steps`, or to `max_steps` if that is sooner; see the file's docstring.

    `trackers_from` opens what follows along, from its first step on; `on_checkpoint` is called when one is on
    disk; once `is_stopping` the step at hand is the last. Raises DivergenceError, OutOfMemoryError,
    CheckpointError where it cannot resume or write, and KeyboardInterrupt when it stopped and kept the step.
    """
    checkpoints, samples = folder / "checkpoints", folder / "samples"

    # model and optimiser
    model, device = task.model, place.device
    optimiser = make_optimiser(model, settings.learning_rate, settings.weight_decay)
    share_of_rate = partial(learning_rate_share, warmup_steps=settings.warmup_steps, steps=settings.steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, share_of_rate)
    dtype = number_format(settings.precision, device)
    micro = settings.micro_batch_size or settings.batch_size

    # where an earlier life of this run stopped
    state = resuming.State(task, settings, optimiser, scheduler)
    done, best_value = state.restore(checkpoints, say) if resume else state.begin(checkpoints)
    stop = min(settings.steps, max_steps or settings.steps)
    last, best = checkpoint.step_path(checkpoints, done), checkpoints / checkpoint.BEST
    losses: list[float] = []
    if done >= stop:
        say(f"[TRAIN] step {done} of {stop} is done already")
        return TrainResult(best, last, done, losses)

    if settings.compile == "on" or (settings.compile == "auto" and device.type == "cuda"):
        model.compile()
    weights = sum(parameter.numel() for parameter in model.parameters())
    limit = f" (training.steps = {settings.steps}, stopped by --max-steps)" if stop < settings.steps else ""
    say(f"[TRAIN] {task.name}, {weights:,} parameters, on {place.describe()}, {str(dtype)[6:]}")
    say(
        f"[TRAIN] steps {done + 1} to {stop}{limit}, {settings.batch_size} pictures a step, {micro} at a time"
    )

    model.train()
    record, pace = Record(place), Pace(settings.batch_size)
    with ExitStack() as stack:
        # batch k is that of step k + 1
        batches = stack.enter_context(batches_for(device, task.batches(done)))
        advance = stack.enter_context(progress_bar(done, stop, True))
        metrics = stack.enter_context(Metrics(folder / "metrics.jsonl", done))
        trackers = trackers_from(done + 1) if trackers_from else None
        if trackers:
            stack.callback(trackers.close)

        for step in range(done + 1, stop + 1):
            asked = time.perf_counter()
            batch = next(batches)
            waited_s = time.perf_counter() - asked
            generator = step_generator(settings.seed, step, place.rank, device)
            is_stepped = False
            try:
                loss, logs = backward(task, batch, micro, generator, step, device, dtype)
                grad_norm = nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
                optimiser.step()
                is_stepped = True
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            if not is_stepped:  # here, where the error no longer holds what filled the memory
                optimiser.state.clear()
                raise OutOfMemoryError(what_fits(task, batch, micro, step, device, dtype))
            optimiser.zero_grad(set_to_none=True)
            learning_rate = float(scheduler.get_last_lr()[0])
            scheduler.step()
            task.after_step(step)
            record.add(step, learning_rate, loss, loss.new_ones(()), grad_norm, logs)
            pace.step(waited_s)
            advance(step)

            is_asked_to_stop = is_stopping()
            is_end = step == stop or is_asked_to_stop
            is_validating = step % settings.validate_every_steps == 0 or step == settings.steps
            is_validating |= is_end and not best.exists()
            is_keeping = step % settings.checkpoint_every_steps == 0 or is_end
            if not (is_validating or is_keeping or step % settings.log_every_steps == 0):
                continue

            # what the steps since the last time gave; nothing is kept of a model that has diverged
            lines = record.take()
            pictures_a_s, loader_share = pace.take()
            refuse_diverged(lines, checkpoints)
            losses += [line["loss"] for line in lines]
            lines[-1] |= {"pictures_a_s": round(pictures_a_s, 1), "loader_share": round(loader_share, 5)}
            paused = time.perf_counter()
            if is_validating:
                with said_of_memory(f"validating after step {step}", device):
                    lines[-1] |= validate(task)
                value = lines[-1][task.minimised]
                if not math.isfinite(value):
                    words = f"step {step}: {task.minimised} is {value} on validation pictures"
                    raise DivergenceError(f"{words}; {checkpoint.after_divergence(checkpoints)}")
                if value < best_value or not best.exists():
                    best_value = value
                    state.write_best(best, step, say)
                with said_of_memory(f"drawing samples after step {step}", device):
                    task.sample_pictures(step, samples)
            say(_line(lines, stop, task.minimised))
            metrics.append(lines)
            if trackers:
                trackers.log(step, {name: value for name, value in lines[-1].items() if name != "step"})
            if is_keeping:
                metrics.make_durable()
                last = state.write(checkpoints, step, best_value, say)
                on_checkpoint()
            pace.pause(time.perf_counter() - paused)
            if is_asked_to_stop:
                say(f"[TRAIN] stopped after step {step}, which is kept: go on with --resume")
                raise KeyboardInterrupt
    return TrainResult(best, last, stop, losses)


def train_run(run: Run[Any], task: Task, place: Place) -> TrainResult:
    """Trains the task of a run as its configuration and whoever started it say; raises what `train` does."""
    config = run.config
    return train(
        task,
        config.training,
        run.folder,
        place,
        resume=run.resume,
        max_steps=run.max_steps,
        say=run.say,
        trackers_from=lambda step: wished_trackers(config.tracking, config, run.folder, step, run.say),
        on_checkpoint=run.on_checkpoint,
        is_stopping=run.is_stopping,
    )


def make_optimiser(model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; decay acts on weights, not on biases and norms' scales."""
    groups = decay_groups(model, weight_decay)
    return torch.optim.AdamW(groups, lr=learning_rate, fused=True)


def validate(task: Task) -> dict[str, float]:
    was_training = task.model.training
    task.model.eval()
    with torch.no_grad():
        figures = task.validate()
    task.model.train(was_training)
    return figures


def refuse_diverged(lines: list[Line], checkpoints: Path) -> None:
    """Raises DivergenceError where a step's loss is no number, or nothing is learned from it."""
    bad = first_not_finite(lines)
    if bad:
        raise DivergenceError(
            f"step {bad['step']}: the loss is {bad['loss']}, its gradient's norm {bad['grad_norm']}; "
            f"{checkpoint.after_divergence(checkpoints)}"
        )
    still = next((line for line in lines if line["grad_norm"] == 0.0), None)
    if still:
        raise DivergenceError(
            f"step {still['step']}: the gradient is exactly 0 at a loss of {still['loss']}: nothing is "
            "learned, and training stopped; is what is predicted compared with itself?"
        )


def _line(lines: list[Line], stop: int, minimised: str) -> str:
    last = lines[-1]
    loss = sum(line["loss"] for line in lines) / len(lines)
    val = f", {minimised.replace('_', ' ')} {last[minimised]:.4f}" if minimised in last else ""
    return (
        f"[TRAIN] step {last['step']}/{stop}: loss {loss:.4f}{val}, lr {last['lr']:.2e}, "
        f"{last['pictures_a_s']:.0f} pictures/s, loader {last['loader_share']:.1%}"
    )
