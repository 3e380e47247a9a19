"""A run's folder `<results>/runs/<name>-<YYYYmmdd-HHMMSS>`: made, found again, and its state kept.

The configuration is saved in it when it is made, and is what every later attempt is held to.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from training_kit import files
from training_kit.config import Resolved, flatten, load_resolved
from training_kit.errors import ConfigError, UserError

STARTED = re.compile(r"\d{8}-\d{6}(-\d+)?$")
AnyResolved: TypeAlias = Resolved[Any]  # of a model with a field `name`, which names its runs


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is. `call_id`: the Modal function call whose retries belong to it."""

    state: Literal["running", "finished", "failed", "interrupted"]
    attempts: int = 0
    call_id: str = ""
    steps: int = 0  # optimiser steps done when it last finished
    error: str = ""
    is_final: bool = False  # failed before it learned anything: the same again would fail the same way


def read_state(folder: Path) -> State | None:
    """None where the folder holds no state that can be read: no run of ours."""
    try:
        return State(**json.loads((folder / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_state(folder: Path, state: State) -> None:
    files.write_text(folder / "state.json", json.dumps(asdict(state), indent=1) + "\n")


def make_folder(results_dir: Path, resolved: AnyResolved, call_id: str) -> Path:
    """A new folder with the configuration in it. Raises ConfigError where it cannot be written."""
    runs = results_dir / "runs"
    started = datetime.now().strftime("%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{number}" for number in range(2, 100))):  # two that start in one second
        folder = runs / f"{resolved.config.name}-{started}{suffix}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise ConfigError(f"{folder}: {error.strerror}; name another folder by --results") from None
        resolved.save(folder / "config.json")
        write_state(folder, State("running", call_id=call_id))
        return folder
    raise ConfigError(f"{runs}: a hundred runs of {resolved.config.name} started in one second")


def folder_of_call(results_dir: Path, call_id: str) -> Path | None:
    """The run that an earlier attempt of this Modal function call made."""
    return next((f for f, state in _runs(results_dir) if call_id and state.call_id == call_id), None)


def folder_to_resume(
    results_dir: Path, resolved: AnyResolved, steps: int, may_differ: tuple[str, ...]
) -> Path:
    """The newest run of this configuration's name that has not done `steps` steps, or not finished.

    `may_differ`: beginnings of the settings that change nothing of what is learned. Raises UserError where
    there is no such run, or where another setting of it differs.
    """
    name, model = resolved.config.name, type(resolved.config)
    ours = [(f, s) for f, s in _runs(results_dir) if _name_of(f, model) == name]
    if not ours:
        raise UserError(f"{results_dir / 'runs'} holds no run named {name}: start one without --resume")
    for folder, state in ours:
        if state.state != "finished" or state.steps < steps:
            _check_same(folder, resolved, may_differ)
            return folder
    raise UserError(
        f"{ours[0][0]} is finished ({ours[0][1].steps} steps), and so is every other run named {name}: "
        "nothing to resume; start a new one without --resume"
    )


def folder_of_attempt(
    results_dir: Path,
    resolved: AnyResolved,
    steps: int,
    may_differ: tuple[str, ...],
    *,
    resume: bool,
    call_id: str,
) -> tuple[Path, bool]:
    """The folder that an attempt works in, and whether its Modal call made it before: the call's own, the one
    to resume, which gets the settings of now, or a new one. Raises UserError as those do."""
    folder = folder_of_call(results_dir, call_id)
    if folder is not None:
        return folder, True
    if not resume:
        return make_folder(results_dir, resolved, call_id), False
    folder = folder_to_resume(results_dir, resolved, steps, may_differ)
    resolved.save(folder / "config.json")
    return folder, False


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Within: this process alone runs the run in `folder`. Raises UserError where another one does."""
    with (folder / "lock").open("a") as lock:
        if not files.try_lock(lock):
            raise UserError(f"{folder} is being trained by another process: wait for it, or start a new run")
        yield


@contextmanager
def alone(folder: Path, say: Callable[[str], None], patience_s: float = 600.0) -> Iterator[None]:
    """Within: this is the only training process of the run in `folder`.

    A launcher that was killed leaves its training process, which keeps the step at hand and ends: that is
    waited for. Raises UserError where it does not end.
    """
    deadline, has_said = time.monotonic() + patience_s, False
    with (folder / "training.lock").open("a") as lock:
        while not files.try_lock(lock):
            if time.monotonic() > deadline:
                raise UserError(f"{folder} is being trained by another process: wait for it, or end it")
            if not has_said:
                say("[RUN] waiting for the training process of an earlier attempt to end")
            has_said = True
            time.sleep(0.1)
        yield


def begin_attempt(folder: Path, call_id: str) -> State:
    """The state of one more attempt, written."""
    state = read_state(folder) or State("running")
    state = replace(
        state, state="running", attempts=state.attempts + 1, call_id=call_id, error="", is_final=False
    )
    write_state(folder, state)
    return state


def _runs(results_dir: Path) -> Iterator[tuple[Path, State]]:
    """All runs, newest first."""
    folders = (results_dir / "runs").glob("*/config.json")
    for path in sorted(folders, key=lambda path: _started(path.parent), reverse=True):
        state = read_state(path.parent)
        if state is not None:
            yield path.parent, state


def _started(folder: Path) -> str:
    match = STARTED.search(folder.name)
    return match[0] if match else ""


def _name_of(folder: Path, model: type[BaseModel]) -> str:
    try:
        return str(load_resolved(folder / "config.json", model).config.name)  # type: ignore[attr-defined]
    except ConfigError:  # another training's, or written by another version: not ours to go on with
        return ""


def _check_same(folder: Path, resolved: AnyResolved, may_differ: tuple[str, ...]) -> None:
    before = flatten(
        load_resolved(folder / "config.json", type(resolved.config)).config.model_dump(mode="json")
    )
    now = flatten(resolved.config.model_dump(mode="json"))
    differing = [
        f"{key} was {json.dumps(before.get(key))} and is {json.dumps(now.get(key))}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key) and not key.startswith(may_differ)
    ]
    if differing:
        raise ConfigError(
            f"{folder} was started with other settings: {'; '.join(differing)}. Resume with the same "
            "ones, or start a new run without --resume"
        )
