"""The training process, from top to bottom: `python -m seizure.training.run FOLDER --data DIR --results DIR`.

`seizure.launch` starts it, in an environment built for it, with a run's folder that holds the resolved
configuration. Under torchrun every process runs this file: rank 0 prepares, scores and reports, the others
wait for the cache and join in the training only.
"""

import argparse
import ctypes
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seizure.config import Config, load_resolved
from seizure.corpus import Splits, read_skipped, write_skipped
from seizure.errors import CorpusError, SeizureError
from seizure.launch.environment import LIMIT, check_environment
from seizure.launch.verification import verify_folder
from seizure.training.recordings import SHARDS, choose_recordings, fill_cache, say_skipped, write_shards
from training_kit import files
from training_kit.run_folder import alone, read_state, write_state
from training_kit.run_log import RunLog

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m seizure.training.run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--max-steps", type=int)
    given = parser.parse_args(arguments)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)  # end with the launcher, even one killed by -9
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with RunLog(given.folder) as say:
        try:
            if int(os.environ.get("RANK", "0")) > 0:
                join(given.folder, given.max_steps)
            else:
                with alone(given.folder, say):
                    run(given.folder, given.data, given.results, given.max_steps, say)
        except SeizureError as error:
            say(f"error: {error}")
            note(given.folder, "failed", error=str(error))
            return 1
        except KeyboardInterrupt:
            note(given.folder, "interrupted")
            return 130
        except OSError as error:
            note(given.folder, "failed", error=str(error))
            if error.errno not in _FULL:
                raise
            say(f"error: {error.filename or given.folder}: {error.strerror}; make room there")
            return 1
        except BaseException as error:
            note(given.folder, "failed", error=f"{type(error).__name__}: {error}")
            raise
    return 0


def run(folder: Path, data: Path, results: Path, max_steps: int | None, say: RunLog) -> None:
    """One attempt of the run in `folder`: recordings, cache, training, scores, report."""
    resolved = load_resolved(folder / "config.json")
    config = resolved.config
    check_environment(resolved, os.environ)
    say(f"[ENV] {LIMIT}: {os.environ.get(LIMIT) or 'unset'}")

    limit_files = int(os.environ[LIMIT]) if config.kind == "smoke" else None
    labelled, splits = choose_recordings(config, data, limit_files, say)
    write_splits(folder / "splits.json", splits, data)

    cache_folder, skipped = fill_cache(config, splits, labelled, results / config.cache.dir, say)
    write_skipped(folder / "skipped.tsv", skipped)
    say_skipped(skipped, folder / "skipped.tsv", say)
    write_shards(folder / SHARDS, cache_folder, splits)

    # all that comes after training, before it: days later the code or its packages may be others, or gone
    import seizure.report.gather
    import seizure.report.page  # noqa: F401
    from seizure.report import write_report
    from seizure.scoring import evaluate_run

    steps = train_model(config, cache_folder, folder, max_steps, say)
    for split in splits_to_score(config, splits, say):
        evaluate_run(folder, split, say, corpus_dir=data, results_dir=results)
    asked = config.training.steps
    done = f"{steps} steps" if steps >= asked else f"{steps} of {asked} steps (go on with --resume)"
    say(f"[DONE] {folder.name}: {done}; everything is in {folder}")
    note(folder, "finished", steps=steps)
    verify_folder(folder)  # the report shows it
    say(f"[REPORT] {write_report(folder)}")


def splits_to_score(config: Config, splits: Splits, say: RunLog) -> list[str]:
    """Validation first: the threshold that eval is scored with is fitted there."""
    asked = config.evaluation.after_training
    if not asked:
        return []
    if "eval" in asked and not splits.eval:
        say("[EVAL] this corpus has no eval recordings: val alone is scored")
        return ["val"]
    return ["val", "eval"] if "eval" in asked else ["val"]


def write_splits(path: Path, splits: Splits, data: Path) -> None:
    """Ids and paths of every recording of the run, by split, and whether the corpus is a made-up one.

    Raises CorpusError where an earlier attempt of the run had others: what it learned from and what it is
    scored on would mix.
    """
    from seizure.synth.corpus import MARK

    if path.exists():
        before = json.loads(path.read_text())
        changed = [name for name, ids in splits.ids().items() if before.get(name) != ids]
        if changed:
            raise CorpusError(
                f"{data} has changed since {path.parent} was started: other recordings in "
                f"{', '.join(changed)}. Bring back what it was, or start a new run without --resume"
            )
    paths = {one.recording_id: str(one.path) for part in splits.named().values() for one in part}
    text = {**splits.ids(), "paths": paths, "synthetic": (data / MARK).exists()}
    files.write_text(path, json.dumps(text, indent=1) + "\n")


# training


def train_model(config: Config, cache_folder: Path, folder: Path, max_steps: int | None, say: RunLog) -> int:
    """Trains on what the cache holds; the number of steps done."""
    ready = {"attempt": attempt_of(folder), "cache": str(cache_folder)}
    files.write_text(folder / "ready.json", json.dumps(ready) + "\n")
    return train_here(config, cache_folder, folder, max_steps, say)


def join(folder: Path, max_steps: int | None) -> None:
    """What ranks above 0 do: wait until rank 0 has filled the cache, then train with it."""
    attempt, ready = attempt_of(folder), folder / "ready.json"
    while True:
        try:
            said = json.loads(ready.read_text())
            if said["attempt"] == attempt:
                break
        except (OSError, ValueError):
            pass
        time.sleep(1.0)  # torchrun ends this process when rank 0 fails
    config = load_resolved(folder / "config.json").config
    train_here(config, Path(said["cache"]), folder, max_steps, lambda _: None)


def train_here(
    config: Config, cache_folder: Path, folder: Path, max_steps: int | None, say: Callable[[str], None]
) -> int:
    """Trains with what the cache holds of the run's recordings; the number of steps done."""
    from seizure import cache
    from seizure.training.loop import train

    index = cache.open_index(cache_folder)
    cached = {shard.recording_id for shard in index.shards}
    cached -= {one.recording_id for one in read_skipped(folder / "skipped.tsv")}  # shards of what they were
    splits = json.loads((folder / "splits.json").read_text())
    train_ids, val_ids = ([one for one in splits[name] if one in cached] for name in ("train", "val"))
    is_resumed = attempt_of(folder) > 1
    done = train(config, index, train_ids, val_ids, folder, resume=is_resumed, max_steps=max_steps, say=say)
    return done.steps


# state


def attempt_of(folder: Path) -> int:
    state = read_state(folder)
    return state.attempts if state else 1


def note(folder: Path, how: Literal["finished", "failed", "interrupted"], **more: Any) -> None:
    state = read_state(folder)
    if state and int(os.environ.get("RANK", "0")) == 0:
        # why a run failed must not be hidden by a disk that is full, perhaps the reason; the launcher says so
        with nullcontext() if how == "finished" else suppress(OSError):
            write_state(folder, replace(state, state=how, **more))


if __name__ == "__main__":
    sys.exit(main())
