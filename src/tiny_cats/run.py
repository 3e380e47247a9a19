"""Starts a run of either training: its folder, its log, its state; goes on with one that stopped.

A run's folder is RESULTS/runs/NAME-TIME. What happens in it is said by the training itself:
`tiny_cats.training.classifier_run` and `tiny_cats.training.dit_run`.
"""

import errno
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from tiny_cats.config import Kind
from tiny_cats.errors import CatsError, GateError
from training_kit import files, run_folder
from training_kit.config import Resolved
from training_kit.interrupt import stop_between_steps
from training_kit.run_log import RunLog

C = TypeVar("C", bound=BaseModel)

DONE, FAILED, OUT_OF_TIME, INTERRUPTED = 0, 1, 75, 130  # 75: sysexits' EX_TEMPFAIL, to be continued
FULL = (errno.ENOSPC, errno.EDQUOT)

# A resumed run may differ in these: none of them changes what is learned.
MAY_DIFFER = (
    *("training.compile", "training.keep_checkpoints", "training.log_every_steps"),
    *("training.checkpoint_every_steps", "tracking.", "sampling.", "gates."),
)


@dataclass(frozen=True, slots=True)
class Run(Generic[C]):
    """What a training is given. `is_stopping`: the step at hand is to be the last, kept by a checkpoint."""

    config: C
    folder: Path
    data_dir: Path
    results_dir: Path
    say: RunLog
    resume: bool
    max_steps: int | None
    on_checkpoint: Callable[[], None]
    is_stopping: Callable[[], bool]


def start(
    kind: Kind,
    resolved: Resolved[Any],
    *,
    data_dir: Path,
    results_dir: Path,
    resume: bool = False,
    max_steps: int | None = None,
    on_checkpoint: Callable[[], None] = lambda: None,
    call_id: str = "",
    limit_s: float | None = None,
) -> int:
    """Runs a training to its end, or until `limit_s` is over; returns the exit status.

    0: trained and passed its gates. 1: failed. 130: interrupted. 75: out of time, to be continued. `call_id`
    names a Modal function call: its later attempts go on with the run of the first. `on_checkpoint` is called
    after each checkpoint is on disk. Raises CatsError where no run can be started.
    """
    steps = min(max_steps or resolved.config.training.steps, resolved.config.training.steps)
    folder, is_retry = run_folder.folder_of_attempt(
        results_dir, resolved, steps, MAY_DIFFER, resume=resume, call_id=call_id
    )
    with run_folder.held(folder), RunLog(folder) as say:
        state = run_folder.read_state(folder)
        if is_retry and state and (state.state == "finished" or state.is_final):
            how = state.error if state.is_final else "finished"
            say(f"[RUN] {folder.name} was ended by an earlier attempt of this call: {how}")
            return FAILED if state.is_final else DONE
        attempt = run_folder.begin_attempt(folder, call_id).attempts
        say(f"[RUN] {folder.name} attempt {attempt}: {resolved.path}, Python {platform.python_version()}")
        files.write_text(folder / "about.json", json.dumps(_about(), indent=1) + "\n")
        for line in resolved.compact_lines():
            say(f"[CONFIG] {line}")
        deadline = time.monotonic() + limit_s if limit_s else None
        with stop_between_steps(True) as is_asked:

            def is_late() -> bool:
                return deadline is not None and time.monotonic() > deadline

            run = Run(
                resolved.config,
                folder,
                data_dir,
                results_dir,
                say,
                attempt > 1,
                max_steps,
                on_checkpoint,
                lambda: is_asked() or is_late(),
            )
            status = _attempt(kind, run, is_late)
            if status in (DONE, FAILED):
                _report(run)
            return status


def _attempt(kind: Kind, run: Run[Any], is_late: Callable[[], bool]) -> int:
    """One attempt, and its end: named in the log, and kept in the run's state."""
    checkpoints = run.folder / "checkpoints"
    before = _names(checkpoints)
    try:
        train_of(kind)(run)
    except KeyboardInterrupt:
        _note(run, "interrupted")
        if is_late():
            run.say(f"[STOPPED] the time of this attempt is over; the next one goes on in {run.folder}")
            return OUT_OF_TIME
        run.say(f"[STOPPED] interrupted; the last checkpoint is in {run.folder}: go on with --resume")
        return INTERRUPTED
    except CatsError as error:
        # what fails a gate, or fails before it has learned anything, would do so again
        is_final = isinstance(error, GateError) or _names(checkpoints) == before
        _note(run, "failed", str(error), is_final=is_final)
        run.say(f"error: {error}")
        return FAILED
    except OSError as error:
        _note(run, "failed", str(error))
        if error.errno not in FULL:
            raise
        run.say(f"error: {error.filename or run.folder}: {error.strerror}; make room there")
        return FAILED
    except BaseException as error:
        _note(run, "failed", f"{type(error).__name__}: {error}")
        raise
    _note(run, "finished", steps=min(run.max_steps or run.config.training.steps, run.config.training.steps))
    run.say(f"[DONE] {run.folder.name}: everything is in {run.folder}")
    return DONE


def _report(run: Run[Any]) -> None:
    """Written whatever came of the run: a failed one's pictures say why. Its own failure changes nothing."""
    from jinja2 import TemplateError

    from tiny_cats.report import write_report

    try:
        run.say(f"[REPORT] {write_report(run.folder)}")
    except (CatsError, OSError, LookupError, ValueError, TemplateError) as error:
        again = f"python -m tiny_cats report {run.folder}"
        run.say(f"[REPORT] could not be written ({type(error).__name__}: {error}); again by {again}")


def _about() -> dict[str, Any]:
    """The command, and the versions of what a result depends on, for the report."""
    versions = {"Python": platform.python_version()}
    for package in ("torch", "numpy", "pillow", "simplejpeg"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    program, *arguments = sys.argv
    started = ["python", "-m", "tiny_cats"] if Path(program).name == "__main__.py" else [program]
    return {
        "command": shlex.join([*started, *arguments]),
        "versions": versions,
        "machine": platform.platform(),
    }


TRAININGS = {
    "classifier": ("tiny_cats.training.classifier_run", "train_classifier"),
    "dit": ("tiny_cats.training.dit_run", "train_dit"),
}


def train_of(kind: Kind) -> Callable[[Run[Any]], None]:
    """The training itself, which is imported here: PyTorch takes seconds."""
    module, name = TRAININGS[kind]
    train: Callable[[Run[Any]], None] = getattr(import_module(module), name)
    return train


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def _note(
    run: Run[Any], how: Literal["finished", "failed", "interrupted"], error: str = "", **more: Any
) -> None:
    state = run_folder.read_state(run.folder)
    if state is None:
        return
    try:
        run_folder.write_state(run.folder, replace(state, state=how, error=error, **more))
    except OSError as failure:  # a full disk, perhaps the reason: it must not hide the rest
        run.say(f"[RUN] {run.folder / 'state.json'} could not be written: {failure.strerror}")
