"""A run goes on with the recordings that it was started with."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from seizure.cache import Index
from seizure.corpus import Recording, Skipped, Splits, write_skipped
from seizure.errors import CorpusError, Fault
from seizure.training.recordings import choose_recordings
from seizure.training.run import train_here, write_splits
from tests.seizure.corpus.made_corpus import add_tusz
from tests.seizure.launch.conftest import FULL


def recording(name: str) -> Recording:
    return Recording(name, Path(f"/data/{name}.edf"), name[:8], "tusz")


def test_another_attempt_with_other_recordings_is_refused(tmp_path: Path):
    path = tmp_path / "splits.json"
    splits = Splits((recording("aaaaaaaa_s001_t000"),), (recording("aaaaaaab_s001_t000"),), ())
    write_splits(path, splits, tmp_path)
    write_splits(path, splits, tmp_path)
    assert json.loads(path.read_text())["synthetic"] is False
    more = Splits((*splits.train, recording("aaaaaaac_s001_t000")), splits.val, ())
    with pytest.raises(CorpusError, match=r"has changed since .*: other recordings in train\. Bring back"):
        write_splits(path, more, tmp_path)


def test_training_recordings_without_a_seizure_stop_the_run_before_anything_is_built(
    tmp_path: Path, configuration
):
    """Seizures of validation do not make up for it."""
    seizure = "TERM,10.0000,40.0000,seiz,1.0000"
    add_tusz(tmp_path, "train", "aaaaaaaa")
    add_tusz(tmp_path, "dev", "aaaaaaab", rows=[seizure])
    config = configuration(FULL).config
    with pytest.raises(CorpusError, match="annotations of the 1 training recordings hold no seizure"):
        choose_recordings(config, tmp_path, None, print)
    add_tusz(tmp_path, "train", "aaaaaaac", rows=[seizure])
    lines: list[str] = []
    assert len(choose_recordings(config, tmp_path, None, lines.append)[1].train) == 2
    assert not any("Mended" in line for line in lines)
    add_tusz(tmp_path, "train", "aaaaaaad", rows=[seizure, "TERM,20.0000,50.0000,seiz,1.0000"])
    choose_recordings(config, tmp_path, None, lines.append)
    assert "[DATA] Mended in annotations: 1 overlapping; `python -m seizure validate` lists them" in lines


def test_a_recording_that_was_left_out_is_not_trained_on_by_its_old_shard(tmp_path: Path, monkeypatch):
    names = [f"aaaaaaa{letter}_s001_t000" for letter in "abcd"]
    given = {}

    def train(config, index, train_ids, val_ids, folder, **_):
        given.update(train=train_ids, val=val_ids)
        return SimpleNamespace(steps=0)

    shards = tuple(SimpleNamespace(recording_id=name) for name in names)
    monkeypatch.setattr("seizure.cache.open_index", lambda folder: Index(folder, shards))
    monkeypatch.setattr("seizure.training.loop.train", train)
    write_splits(
        tmp_path / "splits.json",
        Splits(*(tuple(map(recording, names[i : i + 2])) for i in (0, 2)), ()),
        tmp_path,
    )
    left_out = [Skipped(name, tmp_path, Fault.TRUNCATED, "half of it") for name in (names[0], names[3])]
    write_skipped(tmp_path / "skipped.tsv", left_out)
    train_here(None, tmp_path, tmp_path, None, print)
    assert given == {"train": [names[1]], "val": [names[2]]}
