"""Checkpoints: whole or absent, refused by name where they are damaged or another program's."""

import resource

import pytest
import torch

from training_kit.checkpoint import (
    differences,
    drop_superseded,
    newest_sound,
    read_checkpoint,
    step_files,
    step_path,
    write_checkpoint,
)
from training_kit.errors import CheckpointError


def test_only_the_run_s_own_superseded_step_files_are_deleted(tmp_path):
    names = ["step-best.pt", "step-000001.pt.bak", "notes.txt", "step-1.txt", "best.pt"]
    for name in [*names, "step-000002.pt", "step-000010.pt"]:
        (tmp_path / name).write_text("kept")
    drop_superseded(tmp_path, 1)
    assert all((tmp_path / name).exists() for name in names)
    assert [path.name for path in step_files(tmp_path)] == ["step-000010.pt"]


def test_the_newest_that_can_be_read_is_taken_and_damaged_ones_are_named(tmp_path):
    for step in (1, 2):
        write_checkpoint(step_path(tmp_path, step), {"format": "kit", "step": step})
    step_path(tmp_path, 3).write_bytes(b"torn")
    lines = []
    assert newest_sound(tmp_path, "kit", lines.append)["step"] == 2
    assert len(lines) == 1 and "step-000003.pt: damaged" in lines[0]
    assert newest_sound(tmp_path, "other", lines.append) is None


def test_a_single_changed_byte_is_damage(tmp_path):
    path = tmp_path / "best.pt"
    write_checkpoint(path, {"format": 1, "weights": torch.ones(1000)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.ones(1000).numpy().tobytes()) + 2000] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not what was written"):
        read_checkpoint(path, 1)


def test_differences_name_settings_then_and_now():
    before, now = {"model": {"preset": "a", "size": 1}}, {"model": {"preset": "b", "size": 1}}
    assert list(differences(before, now, ("model.preset", "model.size"))) == ["model.preset: a then, b now"]


def test_an_unwritable_place_leaves_nothing(tmp_path, monkeypatch):
    def full(content, file):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        write_checkpoint(tmp_path / "step-000001.pt", {})
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_the_disk_does_not_hold_is_named_and_leaves_nothing(tmp_path):
    path = tmp_path / "step-000001.pt"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # the nearest to a full disk
    try:
        with pytest.raises(CheckpointError, match=r"step-000001\.pt: cannot be written: File too large"):
            write_checkpoint(path, {"format": 1, "weights": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
