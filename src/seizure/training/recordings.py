"""Which recordings a run uses, and their cache: the same for `build-cache` and the training process."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from seizure.config import Config
from seizure.corpus import LabelledCorpus, Skipped, Splits
from seizure.errors import CorpusError
from seizure.launch.environment import LIMIT
from seizure.training.processing import Processing
from training_kit import files
from training_kit.run_log import Say

SHARDS = "shards.json"
"""In a run's folder: for each recording the check sum of its samples in the cache."""


def choose_recordings(
    config: Config, data: Path, limit_files: int | None, say: Say
) -> tuple[LabelledCorpus, Splits]:
    """What annotations say of the corpus in `data`, and the run's recordings: all, or a smoke run's pick.

    `limit_files` is how many training recordings a smoke run takes; None: all. Raises CorpusError.
    """
    from seizure import corpus

    recordings = corpus.discover(data, config.data.layout)
    corpus.check_total(recordings, config)
    labelled = corpus.read_all_annotations(recordings)
    labelled.require_seizures(data)
    say_mended(labelled, say)
    splits = corpus.split(recordings, labelled.seizure_s, config.data)
    counts = f"{len(splits.train)} train, {len(splits.val)} val, {len(splits.eval)} eval"
    say(f"[DATA] Found {counts} files in {data}")
    corpus.check_counts(splits, config)
    if limit_files is not None:
        splits = corpus.limit(splits, labelled.seizure_s, limit_files, config.data.limit_val_files or 1)
        say(f"[DEBUG] {LIMIT}={limit_files}: using {len(splits.train)} train, {len(splits.val)} val files")
    say(f"Loading {len(splits.train)} train, {len(splits.val)} val files")
    refuse_without_seizures(splits, labelled.seizure_s)
    return labelled, splits


def say_mended(labelled: LabelledCorpus, say: Say) -> None:
    """One line of what was mended in annotations that are used all the same: overlaps, for example."""
    notices = [notice for one in labelled.annotations.values() for notice in one.notices]
    if notices:
        counted = Counter(notice.fault.value for notice in notices)
        words = ", ".join(f"{number} {fault}" for fault, number in sorted(counted.items()))
        say(f"[DATA] Mended in annotations: {words}; `python -m seizure validate` lists them")


def refuse_without_seizures(splits: Splits, seizure_s: dict[str, float]) -> None:
    """Raises CorpusError: a corpus read wrongly once gave 252,089 windows without a seizure, and trained."""
    if not sum(seizure_s.get(recording.recording_id, 0.0) for recording in splits.train):
        raise CorpusError(
            f"the annotations of the {len(splits.train)} training recordings hold no seizure: "
            "`python -m seizure validate` says how each annotation file was read"
        )


def fill_cache(
    config: Config,
    splits: Splits,
    labelled: LabelledCorpus,
    folder: Path,
    say: Say,
    *,
    deep: bool = False,
) -> tuple[Path, list[Skipped]]:
    """Every recording of the run in the cache; the folder of this preprocessing, and what was left out.

    With `deep`, shards that are there are used only after their samples' checksum was looked at.
    """
    from seizure import cache

    cache.claim_cache(folder, config.kind, config.name)
    cache_folder = folder / cache.cache_key(config.preprocessing)
    say(f"[DATA] Cache: {cache_folder}")
    skipped: list[Skipped] = []
    parts = {"train": splits.train, "val": splits.val}
    if "eval" in config.evaluation.after_training:
        parts["eval"] = splits.eval
    for name, part in parts.items():
        usable = [recording for recording in part if recording.recording_id in labelled.annotations]
        names = {recording.recording_id for recording in part}
        left_out = [one for one in labelled.skipped if one.recording_id in names]
        with Processing(name, len(part), say) as announce:
            for one in left_out:
                announce.left_out(one)
            built = cache.build_cache(
                usable,
                labelled.annotations,
                config.preprocessing,
                cache_folder,
                processes=config.cache.processes,
                announce=announce,
                part=name,
                kind=config.kind,
                left_out=left_out,
                deep=deep,
            )
        built = built.with_left_out(left_out, labelled.unreadable)
        skipped += built.skipped
        first, *more = built.lines()
        say(f"[DATA] Processed {len(part)} {name} files: {first}")
        for line in more:
            say(f"[CACHE] {name}: {line}")
    return cache_folder, skipped


def say_skipped(skipped: Sequence[Skipped], path: Path, say: Say) -> None:
    """One line of how many were left out, why, and where they are listed."""
    if skipped:
        faults = sorted({one.fault.value for one in skipped})
        counts = ", ".join(f"{sum(one.fault.value == fault for one in skipped)} {fault}" for fault in faults)
        say(f"[DATA] {len(skipped)} recordings left out ({counts}): {path}")


def write_shards(path: Path, cache_folder: Path, splits: Splits) -> None:
    """Keeps which samples the run's recordings had: other recordings may get their ids and places later."""
    from seizure import cache

    shards = cache.open_index(cache_folder).by_id
    ids = [one for part in splits.ids().values() for one in part if one in shards]
    files.write_text(path, json.dumps({one: shards[one].data_crc32 for one in ids}, indent=1) + "\n")
