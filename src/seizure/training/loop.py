"""Trains a model: read it from top to bottom. Everything that it resumes from is in its checkpoints.

On a CPU a run that was killed and resumed gives the same losses, bit for bit, as one that was not, at the
same number of threads; on GPUs as far as their kernels are deterministic.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seizure.cache.index import Index
from seizure.cache.quantise import FULL_SCALE
from seizure.cache.windows import WindowSampler
from seizure.config import Config
from seizure.errors import CacheError, DivergenceError
from seizure.model import build_model
from seizure.training import resuming
from seizure.training.augment import augment, mirror_order
from seizure.training.loss import masked_loss
from seizure.training.validation import SEED as VALIDATION_SEED
from seizure.training.validation import WINDOWS as VALIDATION_WINDOWS
from seizure.training.validation import validation_loss
from training_kit import checkpoint
from training_kit.devices import Place, join_others, number_format
from training_kit.interrupt import stop_between_steps
from training_kit.metrics import Line, Metrics
from training_kit.pace import Pace, progress_bar
from training_kit.parameters import decay_groups
from training_kit.randomness import seed_all, step_generator
from training_kit.record import Record, first_not_finite
from training_kit.schedule import learning_rate_share
from training_kit.tracking import wished_trackers

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """`steps`: done in total, over all lives of the run. `losses`: of the steps of this life."""

    best_checkpoint: Path
    last_checkpoint: Path
    steps: int
    losses: list[float]


def train(
    config: Config,
    index: Index,
    train_ids: Sequence[str],
    val_ids: Sequence[str],
    folder: Path,
    *,
    resume: bool,
    max_steps: int | None,
    say: Say,
) -> TrainResult:
    """Trains to step `training.steps`, or to `max_steps` if that is sooner; see the file's docstring.

    Under torchrun all processes call this, and only the first says and writes anything. Raises
    DivergenceError, CheckpointError where it cannot resume, KeyboardInterrupt once the step is kept.
    """
    with join_others() as place:
        quiet = say if place.is_first else _ignore
        return _train(config, index, train_ids, val_ids, folder, resume, max_steps, quiet, place)


def _train(
    config: Config,
    index: Index,
    train_ids: Sequence[str],
    val_ids: Sequence[str],
    folder: Path,
    resume: bool,
    max_steps: int | None,
    say: Say,
    place: Place,
) -> TrainResult:
    settings, checkpoints = config.training, folder / "checkpoints"
    if not (train_ids and val_ids):
        raise CacheError(
            f"{len(train_ids)} training and {len(val_ids)} validation recordings can be used, and each "
            f"needs one at least: {folder / 'skipped.tsv'} says why others were left out"
        )

    # data: batch k of a rank is a function of (seed, k, rank) alone
    channels = index[train_ids[0]].channels
    window = config.model.window_s * config.preprocessing.rate_hz
    windows_of = partial(
        WindowSampler,
        index,
        window_samples=window,
        batch_size=settings.batch_size,
        seizure_share=settings.seizure_share,
    )
    val_windows = windows_of(recording_ids=val_ids, seed=VALIDATION_SEED)
    val_batches = -(-VALIDATION_WINDOWS // settings.batch_size)
    mirror = mirror_order(channels)
    unit = config.preprocessing.clip_sigma / FULL_SCALE  # robust standard deviations

    # model and optimiser
    seed_all(settings.seed, place.rank)
    model = build_model(config.model.preset, len(channels)).to(place.device)
    optimiser = make_optimiser(model, settings.learning_rate, settings.weight_decay)
    share_of_rate = partial(learning_rate_share, warmup_steps=settings.warmup_steps, steps=settings.steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, share_of_rate)
    dtype = number_format(settings.precision, place.device)
    # bfloat16 has float32's range and needs no scaling: the scaler is off, and its state kept all the same,
    # so that a format which needs one finds its place in the checkpoint
    scaler = torch.amp.GradScaler(place.device.type, enabled=False)

    # where an earlier life of this run stopped
    state = resuming.State(config, channels, train_ids, val_ids, model, optimiser, scheduler, scaler, place)
    done, best_loss = state.restore(checkpoints, say) if resume else state.begin(checkpoints)
    stop = min(settings.steps, max_steps or settings.steps)
    last = checkpoint.step_path(checkpoints, done)
    best = checkpoints / checkpoint.BEST
    losses: list[float] = []
    if done >= stop:
        say(f"[TRAIN] step {done} of {stop} is done already")
        return TrainResult(best, last, done, losses)

    net: nn.Module = model
    if place.world > 1:
        net = DistributedDataParallel(model, [place.device] if place.device.type == "cuda" else None)
    if settings.compile == "on" or (settings.compile == "auto" and place.device.type == "cuda"):
        net.compile()
    weights = sum(parameter.numel() for parameter in model.parameters())
    limit = f" (training.steps = {settings.steps}, stopped by --max-steps)" if stop < settings.steps else ""
    say(f"[TRAIN] {config.model.preset}, {weights:,} parameters, on {place.describe()}, {str(dtype)[6:]}")
    say(f"[TRAIN] steps {done + 1} to {stop}{limit}, {settings.batch_size * place.world} windows a step")

    def forward(network: Callable[[Tensor], Tensor], x_BCT: Tensor) -> Tensor:
        with torch.autocast(place.device.type, dtype, enabled=dtype != torch.float32):
            return network(x_BCT)

    def forward_val(q_BCT: Tensor) -> Tensor:
        # not compiled: seconds a validation are not worth a second compilation, and PyTorch 2.13's of its own
        # fused transformer layer, which it takes in evaluation only, fails
        return forward(model.forward, signal(q_BCT))

    def signal(q_BCT: Tensor) -> Tensor:
        return q_BCT.to(place.device).float() * unit

    net.train()
    record, pace = Record(place), Pace(settings.batch_size * place.world)
    with ExitStack() as stack:
        windows = stack.enter_context(
            windows_of(
                recording_ids=train_ids,
                seed=settings.seed,
                start_step=done,
                rank=place.rank,
                world=place.world,
                workers=settings.workers,
            )
        )
        stack.callback(val_windows.close)
        is_stopping = stack.enter_context(stop_between_steps(place.world == 1))
        advance = stack.enter_context(progress_bar(done, stop, place.is_first))
        metrics = stack.enter_context(Metrics(folder / "metrics.jsonl", done)) if place.is_first else None
        trackers = wished_trackers(config.tracking, config, folder, done + 1, say) if place.is_first else None
        if trackers:
            stack.callback(trackers.close)

        for step in range(done + 1, stop + 1):
            asked = time.perf_counter()
            q_BCT, y_BT, mask_BT = map(torch.from_numpy, next(windows))
            waited_s = time.perf_counter() - asked
            random = step_generator(settings.seed, step, place.rank)
            x_BCT = augment(signal(q_BCT), mirror, random)
            y_BT, mask_BT = y_BT.to(place.device), mask_BT.to(place.device)
            total, count = masked_loss(forward(net, x_BCT), y_BT, mask_BT)
            scaler.scale(total / count.clamp(min=1)).backward()  # type: ignore[no-untyped-call]
            scaler.unscale_(optimiser)
            grad_norm = nn.utils.clip_grad_norm_(model.parameters(), settings.grad_clip)
            learning_rate = float(scheduler.get_last_lr()[0])
            scaler.step(optimiser)
            scaler.update()
            optimiser.zero_grad(set_to_none=True)
            scheduler.step()
            record.add(step, learning_rate, total, count, grad_norm)
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
            windows_a_s, loader_share = pace.take()
            bad = first_not_finite(lines)
            if bad:
                raise DivergenceError(_diverged(bad, checkpoints))
            losses += [line["loss"] for line in lines]
            lines[-1] |= {"windows_a_s": round(windows_a_s, 1), "loader_share": round(loader_share, 5)}
            paused = time.perf_counter()
            if is_validating:
                val_loss = validation_loss(model, forward_val, val_windows, val_batches, place)
                lines[-1]["val_loss"] = val_loss
                if val_loss < best_loss or not best.exists():
                    best_loss = val_loss
                    state.write_best(best, step, say)
            say(_line(lines, stop))
            if metrics:
                metrics.append(lines)
            if trackers:
                trackers.log(step, {name: value for name, value in lines[-1].items() if name != "step"})
            if is_keeping:
                if metrics:
                    metrics.make_durable()
                last = state.write(checkpoints, step, best_loss, say)
            pace.pause(time.perf_counter() - paused)
            if is_asked_to_stop:
                say(f"[TRAIN] stopped after step {step}, which is kept: go on with --resume")
                raise KeyboardInterrupt
    return TrainResult(best, last, stop, losses)


def make_optimiser(model: nn.Module, learning_rate: float, weight_decay: float) -> torch.optim.Optimizer:
    """RAdam, as SeizureTransformer's; decay acts on weights, not on biases and norms' scales."""
    groups = decay_groups(model, weight_decay)
    return torch.optim.RAdam(groups, lr=learning_rate, decoupled_weight_decay=True)


def _line(lines: list[Line], stop: int) -> str:
    last = lines[-1]
    loss = sum(line["loss"] for line in lines) / len(lines)
    val = f", val loss {last['val_loss']:.4f}" if "val_loss" in last else ""
    return (
        f"[TRAIN] step {last['step']}/{stop}: loss {loss:.4f}{val}, lr {last['lr']:.2e}, "
        f"{last['windows_a_s']:.0f} windows/s, loader {last['loader_share']:.1%}"
    )


def _diverged(bad: Line, checkpoints: Path) -> str:
    return (
        f"step {bad['step']}: the loss is {bad['loss']}, its gradient's norm {bad['grad_norm']}; "
        f"{checkpoint.after_divergence(checkpoints)}"
    )


def _ignore(line: str) -> None:
    pass
