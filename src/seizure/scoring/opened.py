"""A run that is opened for scoring one split: configuration, best checkpoint, what the split holds."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from seizure import cache, corpus
from seizure.config import Config, load_resolved
from seizure.config.schema import Postprocessing
from seizure.corpus import Recording
from seizure.errors import ScoringError
from seizure.scoring.reference import Reference, reference_of, reference_with_missing
from seizure.training.checkpoint import TrainedModel, load_model
from seizure.training.recordings import SHARDS
from training_kit.checkpoint import BEST
from training_kit.devices import one_device

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """`settings`: the configuration's post-processing on val, on eval what the threshold was fitted with."""

    folder: Path
    results: Path
    split: Literal["val", "eval"]
    config: Config
    ids: tuple[str, ...]
    trained: TrainedModel
    settings: Postprocessing

    def threshold(self, given: float | None) -> tuple[float | None, str]:
        """The threshold and where it comes from; None where it is to be fitted, which happens on val only."""
        if given is not None:
            return given, "--threshold"
        if self.settings.threshold != "fit":
            return self.settings.threshold, "configuration"
        if self.split == "val":
            return None, ""
        if self.trained.threshold is None:
            raise ScoringError(
                f"{self.trained.path} has no threshold yet: run evaluate --split val first, "
                "which fits it on validation recordings"
            )
        return self.trained.threshold, "fitted on val"

    def with_known_lengths(self) -> "OpenedRun":
        """For a scoring that fits nothing: the lengths that are stored; on val, without any, the recipe's."""
        stored = self.trained.postprocessing
        if self.split == "eval" and stored.lengths_to_fit:
            raise ScoringError(
                f"{self.trained.path} has no {' and no '.join(stored.lengths_to_fit)} yet: run evaluate "
                "--split val first, which fits them on validation recordings"
            )
        return replace(self, settings=stored.with_lengths(stored.lengths()))

    def reference(self, corpus_dir: Path | None, say: Say) -> Reference:
        """The split's recordings, each against the corpus where it is at hand: a shard may be of an EDF file
        or annotations that have changed since. What the cache lacks is built, or else only its seizures read.
        """
        folder = self.results / self.config.cache.dir / cache.cache_key(self.config.preprocessing)
        shards = cache.open_index(folder).by_id
        left_out = self._left_out()
        missing = [one for one in self.ids if one not in shards or one in left_out]
        if corpus_dir is None:
            self._refuse_others(shards)
            if not missing:
                return reference_of(self.ids, shards)
        recordings = self._find(missing, corpus_dir)
        if missing:
            say(f"[EVAL] {len(missing)} of {len(self.ids)} recordings are not in the cache: building them")
        labelled = corpus.read_all_annotations(list(recordings.values()))
        built = cache.build_cache(
            [one for one in recordings.values() if one.recording_id in labelled.annotations],
            labelled.annotations,
            self.config.preprocessing,
            folder,
            processes=self.config.cache.processes,
            part=self.split,
            kind=self.config.kind,
            left_out=labelled.skipped,
        )
        reasons = {
            one.recording_id: f"{one.fault.value}: {one.detail}"
            for one in (*labelled.skipped, *built.skipped)
        }
        return reference_with_missing(self.ids, built.index.by_id, recordings, labelled, reasons)

    def _refuse_others(self, shards: Mapping[str, cache.ShardInfo]) -> None:
        """The cache is found by its folder: another corpus with the same ids may lie there by now."""
        try:
            before = json.loads((self.folder / SHARDS).read_text())
        except (OSError, ValueError):
            before = {}  # of a run that did not get so far
        now = {one: shards[one].data_crc32 for one in self.ids if one in shards}
        others = [one for one, crc32 in now.items() if before.get(one, crc32) != crc32]
        if others:
            raise ScoringError(
                f"{len(others)} recordings in the cache, such as {others[0]}, are not those that "
                f"{self.folder.name} had: say where its corpus is by --data"
            )

    def _left_out(self) -> frozenset[str]:
        """Recordings that the run could not use, whatever the cache has of them from better days."""
        path = self.folder / "skipped.tsv"
        return (
            frozenset(one.recording_id for one in corpus.read_skipped(path)) if path.exists() else frozenset()
        )

    def _find(self, missing: Sequence[str], corpus_dir: Path | None) -> dict[str, Recording]:
        """The split's recordings by id, as the corpus has them; those that the cache lacks must be there."""
        if corpus_dir is None:
            raise ScoringError(
                f"{len(missing)} recordings of {self.folder.name} are not in the cache, such as "
                f"{missing[0]}: say where the corpus is by --data"
            )
        found = {one.recording_id: one for one in corpus.discover(corpus_dir, self.config.data.layout)}
        gone = [recording_id for recording_id in missing if recording_id not in found]
        if gone:
            raise ScoringError(
                f"{corpus_dir} lacks {len(gone)} recordings of {self.folder.name}, such as {gone[0]}: "
                "point --data at the run's corpus; nothing is left out of a scoring"
            )
        return {recording_id: found[recording_id] for recording_id in self.ids if recording_id in found}


def open_run(folder: Path, split: str, results_dir: Path | None = None) -> OpenedRun:
    """Raises SeizureError: no run's folder, no recordings of that split, no checkpoint."""
    if split not in ("val", "eval"):
        raise ScoringError(f"{split} is not scored: name val or eval")
    config = load_resolved(folder / "config.json").config
    try:
        ids = tuple(json.loads((folder / "splits.json").read_text())[split])
    except (OSError, ValueError, KeyError, TypeError):
        raise ScoringError(
            f"{folder / 'splits.json'} is missing or damaged: the run ended before it chose its recordings"
        ) from None
    if not ids:
        raise ScoringError(f"{folder.name}: the run has no {split} recordings to score")
    trained = load_model(folder / "checkpoints" / BEST, one_device())
    settings = config.postprocessing if split == "val" else trained.postprocessing
    results = results_dir or folder.resolve().parents[1]
    return OpenedRun(folder, results, "val" if split == "val" else "eval", config, ids, trained, settings)


def weights_digest(trained: TrainedModel) -> str:
    """SHA-256 of the weights alone: storing a threshold in the checkpoint does not change it."""
    digest = hashlib.sha256()
    for name, value in sorted(trained.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
