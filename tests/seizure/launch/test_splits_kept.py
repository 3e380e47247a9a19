"""A run goes on with the recordings that it was started with."""

import json
from pathlib import Path

import pytest

from seizure.corpus import Recording, Splits
from seizure.errors import CorpusError
from seizure.training.run import write_splits


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
