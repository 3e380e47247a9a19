"""The cache: built once, by one of several processes, and never wrong after damage, a kill or a full disk."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_cats.data.pictures import jpeg
from tiny_cats.config.schema import Data
from tiny_cats.data import shards
from tiny_cats.data.dataset import prepare
from tiny_cats.data.shards import open_store, plan_shards
from tiny_cats.errors import DataError

OPTIONS = Data(root="", size=32, val_share=0.2, test_share=0)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for number in range(12):
        path = tmp_path / "pets" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    return tmp_path / "pets"


def built(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.u8"))


def test_the_pictures_are_those_that_decode_gives(pets: Path) -> None:
    from tiny_cats.data.decode import open_picture

    view = prepare(OPTIONS, pets).train
    for place, path in enumerate(view.paths):
        assert np.array_equal(view.pictures([place])[0], open_picture(pets / path, 32).pixels_HWC)


def test_a_digest_s_first_bits_say_its_shard_and_one_more_picture_changes_one(tmp_path: Path) -> None:
    digests = [f"{number * 2654435761 % 2**32:08x}" + "0" * 56 for number in range(1000)]
    before = plan_shards(digests, 32, tmp_path)
    after = plan_shards([*digests, "12345678" + "0" * 56], 32, tmp_path)
    assert len(before) == len(after) == 4
    assert sum(len(shard.digests) for shard in before) == 1000
    assert len({shard.path for shard in after} - {shard.path for shard in before}) == 1
    assert {shard.path for shard in plan_shards(digests[::-1], 32, tmp_path)} == {s.path for s in before}
    assert not {s.path for s in plan_shards(digests, 48, tmp_path)} & {s.path for s in before}


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_a_damaged_shard_is_named_and_built_again(pets: Path, damage: str) -> None:
    whole = prepare(OPTIONS, pets).train.pictures()
    (shard,) = built(pets / ".tiny_cats")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    said: list[str] = []
    shard.write_bytes({"flip": content, "cut": content[:1000], "empty": b"", "other": b"x" * 5000}[damage])
    assert np.array_equal(prepare(OPTIONS, pets, said.append).train.pictures(), whole)
    assert said == [f"{shard.name} of the cache is damaged: building it again"]


def test_a_picture_that_changed_is_decoded_anew(pets: Path) -> None:
    options = OPTIONS.model_copy(update={"val_share": 0.0})
    before = prepare(options, pets).train
    (pets / "a/0.jpg").write_bytes(jpeg(99))
    after = prepare(options, pets).train
    changed = [
        p for p, a, b in zip(after.paths, before.pictures(), after.pictures(), strict=True) if (a != b).any()
    ]
    assert changed == ["a/0.jpg"]


def test_two_at_once_build_it_once(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()
    builds: list[int] = []
    real = shards._build_shard

    def slow(*args):
        reached.set()
        assert go_on.wait(30)
        builds.append(1)
        return real(*args)

    monkeypatch.setattr(shards, "_build_shard", slow)
    first = threading.Thread(target=lambda: prepare(OPTIONS, pets, threads=1))
    first.start()
    assert reached.wait(30)

    def say(words: str) -> None:
        said.append(words)
        go_on.set()

    said: list[str] = []
    prepare(OPTIONS, pets, say)
    first.join()
    assert said == [f"another process builds the cache in {pets / '.tiny_cats'}: waiting for it"]
    assert builds == [1]


def test_killed_while_it_writes_no_shard_is_there_and_the_next_builds_it(pets: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tiny_cats.config.schema import Data
from tiny_cats.data import shards
from tiny_cats.data.dataset import prepare
from training_kit import files
real = files.os.fsync
def killing(handle):
    if ".u8." in os.readlink(f"/proc/self/fd/{handle}"):
        os.kill(os.getpid(), signal.SIGKILL)
    real(handle)
files.os.fsync = killing
prepare(Data(root="", size=32), Path(sys.argv[1]))
"""
    killed = subprocess.run([sys.executable, "-c", code, pets], check=False)
    assert killed.returncode == -signal.SIGKILL and not built(pets / ".tiny_cats")
    assert len(prepare(OPTIONS, pets).train) == 10
    assert len(built(pets / ".tiny_cats")) == 1


def test_a_full_disk_is_said_before_and_while_it_is_written(
    pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        usage = shutil.disk_usage(pets)
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
        with pytest.raises(
            DataError, match=r"the cache needs 0.0 MB more, .* the disk of .* has 0.0 MB: make room"
        ):
            prepare(OPTIONS, pets)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("training_kit.files.os.fsync", full)
        with pytest.raises(DataError, match=r"the disk is full at .*known-.*json: make room"):
            prepare(OPTIONS, pets, cache=pets.parent / "new")

    prepare(OPTIONS.model_copy(update={"size": 16}), pets)
    with monkeypatch.context() as patch:
        patch.setattr("training_kit.files.os.fsync", full)
        with pytest.raises(
            DataError, match=r"the disk is full at .*\.u8: make room and run the command again"
        ):
            prepare(OPTIONS, pets)
    assert [path.name[:12] for path in built(pets / ".tiny_cats")] == ["pictures-16-"]


def test_a_picture_that_vanishes_meanwhile_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.jpg: unreadable: .*: it changed since it was looked at"):
        open_store({"0" * 64: tmp_path / "gone.jpg"}, 32, tmp_path, say=print)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_names_the_setting(pets: Path) -> None:
    pets.chmod(0o500)
    with pytest.raises(
        DataError, match=r"cannot be made \(Permission denied\): name another folder by data\.cache"
    ):
        prepare(OPTIONS, pets)
    pets.chmod(0o700)


def test_a_cache_among_the_pictures_is_refused(pets: Path) -> None:
    with pytest.raises(DataError, match=r"lies among the pictures: name a folder elsewhere by data\.cache"):
        prepare(OPTIONS, pets, cache=pets / "cache")
    assert not (pets / "cache").exists()


def test_two_folders_can_share_a_cache(pets: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    shutil.copytree(pets, others)
    (others / "a/0.jpg").write_bytes(jpeg(77))
    os.utime(others / "a/0.jpg", ns=((pets / "a/0.jpg").stat().st_mtime_ns,) * 2)
    options = OPTIONS.model_copy(update={"val_share": 0.0})
    for _ in range(2):
        first, second = (prepare(options, root, cache=tmp_path / "cache").train for root in (pets, others))
        assert [a == b for a, b in zip(first.digests, second.digests, strict=True)].count(False) == 1
    assert len(built(tmp_path / "cache")) == 2 and len(list((tmp_path / "cache").glob("known-*"))) == 2


def test_what_a_killed_builder_left_is_swept_after_an_hour(pets: Path) -> None:
    old, new = (pets / ".tiny_cats" / f".pictures-32-{name}.u8.x.part" for name in ("old", "new"))
    old.parent.mkdir()
    for part in (old, new):
        part.write_bytes(b"part")
    os.utime(old, (1, 1))
    prepare(OPTIONS, pets)
    assert not old.exists() and new.exists()
