"""The pictures of a run, made ready and said: the beginning of both trainings."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from tiny_cats.config.schema import Data
from tiny_cats.data.dataset import Dataset, prepare
from training_kit import files

NOTE = "data.json"
EVERY_S = 10.0  # between lines that say how far it is


def ready_pictures(
    options: Data,
    data_dir: Path,
    say: Callable[[str], None],
    is_stopping: Callable[[], bool] = lambda: False,
    results_dir: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Dataset:
    """The run's pictures, from the cache, which is built where there is none.

    It lies below `results_dir` where one is named: data may be read-only, as on Modal. Raises DataError,
    and KeyboardInterrupt once `is_stopping`: what is cached stays.
    """
    said = clock()

    def progress(words: str, done: int, of: int) -> None:
        nonlocal said
        if is_stopping():
            raise KeyboardInterrupt
        if clock() - said >= EVERY_S:
            said = clock()
            say(f"[DATA] {words}: {done} of {of}")

    cache = results_dir / "cache" / options.root if results_dir else None
    dataset = prepare(options, data_dir, lambda words: say(f"[DATA] {words}"), cache=cache, progress=progress)
    for name, view in (("train", dataset.train), ("val", dataset.val), ("test", dataset.test)):
        counts = ", ".join(f"{count} {class_}" for class_, count in view.counts.items() if count)
        say(f"[DATA] {name}: {len(view)} pictures" + (f" ({counts})" if counts else ""))
    return dataset


def note_pictures(folder: Path, dataset: Dataset) -> None:
    """Writes what the report says of the data into a run's folder: pictures of each class, files left out."""
    splits = {"train": dataset.train.counts, "val": dataset.val.counts, "test": dataset.test.counts}
    left_out = [(found.path, found.facts.fault, found.facts.detail) for found in dataset.left_out]
    said = {"size": dataset.size, "splits": splits, "left_out": left_out}
    files.write_text(folder / NOTE, json.dumps(said, indent=1, ensure_ascii=False) + "\n")
