"""Starts a run from the outside: folder, environment, training process, verification. Reads no data."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import shorten

from seizure.config import Resolved
from seizure.launch.child import INTERRUPTED, OUT_OF_TIME, name_of_end, run_child
from seizure.launch.corpus_folder import MAY_DIFFER, corpus_folder
from seizure.launch.environment import ChildEnvironment, child_environment
from seizure.launch.verification import render, verify_folder
from training_kit import run_folder
from training_kit.run_log import RunLog


def launch(
    resolved: Resolved,
    *,
    data_dir: Path,
    results_dir: Path,
    resume: bool = False,
    max_steps: int | None = None,
    environ: Mapping[str, str],
    on_checkpoint: Callable[[], None] | None = None,
    call_id: str = "",
    limit_s: float | None = None,
) -> int:
    """Runs a training to its end; returns the exit status.

    0: trained, scored and verified. 1: failed, or not the run that was asked for. 130: interrupted. 75: ended
    after `limit_s`, to be continued. `call_id` names a Modal function call: its later attempts go on with the
    run of the first. `on_checkpoint` is called after each checkpoint is on disk. Raises SeizureError.
    """
    child = child_environment(resolved, environ)
    data = corpus_folder(resolved, data_dir)
    steps = min(max_steps or resolved.config.training.steps, resolved.config.training.steps)
    folder, is_retry = run_folder.folder_of_attempt(
        results_dir, resolved, steps, MAY_DIFFER, resume=resume, call_id=call_id
    )
    with run_folder.held(folder), RunLog(folder) as say:
        state = run_folder.read_state(folder)
        if is_retry and state and (state.state == "finished" or state.is_final):
            how = shorten(state.error, 100, placeholder=" …") if state.is_final else "finished"
            say(f"[RUN] {folder.name} was ended by an earlier attempt of this call: {how}")
            return 1 if state.is_final else 0
        attempt = run_folder.begin_attempt(folder, call_id).attempts
        _say_beginning(say, resolved, folder, attempt, child)
        command = _command(folder, data, results_dir, max_steps, visible_gpus(child.variables))
        before = _checkpoints(folder)
        status = run_child(command, child.variables, on_checkpoint=on_checkpoint, limit_s=limit_s)
        return _end(say, folder, status, has_learned=_checkpoints(folder) != before)


def _say_beginning(
    say: RunLog, resolved: Resolved, folder: Path, attempt: int, child: ChildEnvironment
) -> None:
    say(f"[RUN] {folder.name} attempt {attempt}: {resolved.path} is a {resolved.config.kind} run")
    if attempt > 1:
        say(f"[RUN] Resuming {folder}")
    for line in resolved.compact_lines():
        say(f"[CONFIG] {line}")
    for line in child.lines:
        say(line)


def _command(folder: Path, data: Path, results_dir: Path, max_steps: int | None, gpus: int) -> list[str]:
    program = ["-m", "seizure.training.run", str(folder), "--data", str(data), "--results", str(results_dir)]
    if max_steps is not None:
        program += ["--max-steps", str(max_steps)]
    if gpus < 2:
        return [sys.executable, *program]
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"]
    return [sys.executable, *torchrun, *program]


def visible_gpus(environ: Mapping[str, str]) -> int:
    """How many CUDA devices the training process will see; asked without importing torch."""
    shown = environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        return len([name for name in shown.split(",") if name.strip() not in ("", "-1")])
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return len([line for line in listed.stdout.splitlines() if line.startswith("GPU ")])


def _checkpoints(folder: Path) -> set[str]:
    return {path.name for path in (folder / "checkpoints").glob("*")}


def _end(say: RunLog, folder: Path, status: int, *, has_learned: bool) -> int:
    """Says how the training process ended and what the log shows; returns the run's exit status."""
    state = run_folder.read_state(folder)
    if state and state.state == "running":  # it had no time to write how it ended
        is_stopped = status in (INTERRUPTED, OUT_OF_TIME)
        ended = replace(state, state="interrupted" if is_stopped else "failed", error=name_of_end(status))
        _write_state(say, folder, ended)
    elif state and state.state == "failed" and not has_learned:
        _write_state(say, folder, replace(state, is_final=True))
    if status == INTERRUPTED:
        say(f"[STOPPED] interrupted; the last checkpoint is kept in {folder}: go on with --resume")
    elif status == OUT_OF_TIME:
        say(f"[STOPPED] the time of this attempt is over; the next one goes on in {folder}")
    elif status:
        say(f"[FAILED] {name_of_end(status)}; its words are above; after mending it, go on with --resume")
    found = verify_folder(folder)
    for line in render(found):
        say(line)
    if status:
        return status if status in (INTERRUPTED, OUT_OF_TIME) else 1
    return 0 if found.is_sound else 1


def _write_state(say: RunLog, folder: Path, state: run_folder.State) -> None:
    """Writes how the run ended. A disk that is full, as it may be why it ended, must not hide the rest."""
    try:
        run_folder.write_state(folder, state)
    except OSError as error:
        say(f"[RUN] {folder / 'state.json'} could not be written: {error.strerror}")
