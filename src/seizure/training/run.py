"""The training process, from top to bottom: `python -m seizure.training.run FOLDER --data DIR --results DIR`.

`seizure.launch` starts it, in an environment built for it, with a run's folder that holds the resolved
configuration. Under torchrun every process runs this file: rank 0 prepares, scores and reports, the others
wait for the cache and join in the training only.
"""

import argparse
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seizure import files
from seizure.config import Config, load_resolved
from seizure.corpus import LabelledCorpus, Skipped, Splits
from seizure.errors import CacheError, CorpusError, SeizureError
from seizure.launch.environment import LIMIT, check_environment
from seizure.launch.run_folder import read_state, write_state
from seizure.launch.run_log import RunLog
from seizure.launch.verification import verify_folder
from seizure.training.processing import Processing

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


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
                run(given.folder, given.data, given.results, given.max_steps, say)
        except SeizureError as error:
            say(f"error: {error}")
            note(given.folder, "failed", error=str(error))
            return 1
        except KeyboardInterrupt:
            note(given.folder, "interrupted")
            return 130
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

    from seizure import corpus

    recordings = corpus.discover(data, config.data.layout)
    labelled = corpus.read_all_annotations(recordings)
    labelled.require_seizures(data)
    splits = corpus.split(recordings, labelled.seizure_s, config.data)
    counts = f"{len(splits.train)} train, {len(splits.val)} val, {len(splits.eval)} eval"
    say(f"[DATA] Found {counts} files in {data}")
    corpus.check_counts(splits, config)
    if config.kind == "smoke":
        train_files, val_files = int(os.environ[LIMIT]), config.data.limit_val_files or 1
        splits = corpus.limit(splits, labelled.seizure_s, train_files, val_files)
        say(f"[DEBUG] {LIMIT}={train_files}: using {len(splits.train)} train, {len(splits.val)} val files")
    say(f"Loading {len(splits.train)} train, {len(splits.val)} val files")
    refuse_without_seizures(splits, labelled.seizure_s)
    write_splits(folder / "splits.json", splits, data)

    cache_folder, skipped = fill_cache(config, splits, labelled, results / config.cache.dir, say)
    corpus.write_skipped(folder / "skipped.tsv", skipped)
    say_skipped(skipped, folder / "skipped.tsv", say)

    steps = train_model(config, cache_folder, folder, max_steps, say)

    from seizure.report import write_report
    from seizure.scoring import evaluate_run

    for split in splits_to_score(config):
        evaluate_run(folder, split, say)
    say(f"[DONE] {folder.name}: {steps} steps; everything is in {folder}")
    note(folder, "finished", steps=steps)
    verify_folder(folder)  # the report shows it
    say(f"[REPORT] {write_report(folder)}")


def splits_to_score(config: Config) -> list[str]:
    """Validation first: the threshold that eval is scored with is fitted there."""
    asked = config.evaluation.after_training
    return [split for split in ("val", "eval") if split in asked or (split == "val" and asked)]


# recordings


def refuse_without_seizures(splits: Splits, seizure_s: dict[str, float]) -> None:
    """Raises CorpusError: a corpus read wrongly once gave 252,089 windows without a seizure, and trained."""
    if not sum(seizure_s.get(recording.recording_id, 0.0) for recording in splits.train):
        raise CorpusError(
            f"the annotations of the {len(splits.train)} training recordings hold no seizure: "
            "`python -m seizure validate` says how each annotation file was read"
        )


def write_splits(path: Path, splits: Splits, data: Path) -> None:
    """Ids and paths of every recording of the run, by split, and whether the corpus is a made-up one."""
    from seizure.synth.corpus import MARK

    paths = {one.recording_id: str(one.path) for part in splits.named().values() for one in part}
    text = {**splits.ids(), "paths": paths, "synthetic": (data / MARK).exists()}
    files.write_text(path, json.dumps(text, indent=1) + "\n")


def say_skipped(skipped: list[Skipped], path: Path, say: RunLog) -> None:
    if skipped:
        faults = sorted({one.fault.value for one in skipped})
        counts = ", ".join(f"{sum(one.fault.value == fault for one in skipped)} {fault}" for fault in faults)
        say(f"[DATA] {len(skipped)} recordings left out ({counts}): {path}")


# cache


def fill_cache(
    config: Config, splits: Splits, labelled: LabelledCorpus, folder: Path, say: RunLog
) -> tuple[Path, list[Skipped]]:
    """Every recording of the run in the cache; the folder of this preprocessing, and what was left out."""
    from seizure import cache

    claim_cache(folder, config.kind)
    cache_folder = folder / cache.cache_key(config.preprocessing)
    say(f"[DATA] Cache: {cache_folder}")
    skipped = list(labelled.skipped)
    parts = {"train": splits.train, "val": splits.val}
    if "eval" in config.evaluation.after_training:
        parts["eval"] = splits.eval
    for name, part in parts.items():
        usable = [recording for recording in part if recording.recording_id in labelled.annotations]
        with Processing(name, len(part), say) as announce:
            for recording in part:
                if recording not in usable:
                    announce.left_out(recording)
            built = cache.build_cache(
                usable,
                labelled.annotations,
                config.preprocessing,
                cache_folder,
                processes=config.cache.processes or len(os.sched_getaffinity(0)),
                announce=announce,
            )
        skipped += built.skipped
        say(
            f"[DATA] Processed {len(part)} {name} files: {built.built} built, {built.reused} there already, "
            f"{len(part) - built.built - built.reused} left out; {built.seconds:.1f} s"
        )
    return cache_folder, skipped


def claim_cache(folder: Path, kind: str) -> None:
    """Writes down whether smoke or full runs use a cache folder. Raises CacheError for the other kind."""
    mark = folder / "KIND"
    folder.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        files.write_text(mark, kind + "\n")
    owner = mark.read_text().strip()
    if owner != kind:
        raise CacheError(
            f"{folder} belongs to {owner} runs and this is a {kind} run: give it another cache.dir, "
            f"such as --set cache.dir=cache/{kind}"
        )


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
        write_state(folder, replace(state, state=how, **more))


if __name__ == "__main__":
    sys.exit(main())
