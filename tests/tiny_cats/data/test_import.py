"""Folders and archives of pictures become data folders, whole or not at all."""

import _compression
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.tiny_cats.data.pictures import jpeg
from tiny_cats.commands import run
from tiny_cats.data import folders
from tiny_cats.data.importing import import_pictures
from tiny_cats.errors import DataError


def lay(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(jpeg(number))
    return root


def laid(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_class_folders_stay_as_they_are(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "Tabby cat/1.jpg", "Котик/x.jpg", "Котик/more/x.jpg")
    (source / "Tabby cat/notes.txt").write_text("no picture")
    (source / ".hidden").mkdir()
    done = import_pictures(source, tmp_path / "b")
    assert laid(tmp_path / "b") == ["Tabby cat/1.jpg", "Котик/more/x.jpg", "Котик/x.jpg"]
    assert done.counts == {"Tabby cat": 1, "Котик": 2} and done.skipped == ("Tabby cat/notes.txt",)
    assert (tmp_path / "b/Tabby cat/1.jpg").read_bytes() == jpeg(0)


def test_a_flat_folder_is_divided_by_its_names(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "Maine_Coon_12.jpg", "Maine_Coon_3.jpg", "beagle_1.jpg")
    assert import_pictures(source, tmp_path / "b").counts == {"Maine_Coon": 2, "beagle": 1}
    assert laid(tmp_path / "b") == [
        *("Maine_Coon/Maine_Coon_12.jpg", "Maine_Coon/Maine_Coon_3.jpg"),
        "beagle/beagle_1.jpg",
    ]


def test_names_can_count_for_more_than_folders(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "cats/Bengal_1.jpg", "dogs/pug_1.jpg")
    assert import_pictures(source, tmp_path / "b").counts == {"cats": 1, "dogs": 1}
    assert import_pictures(source, tmp_path / "c", by="names").counts == {"Bengal": 1, "pug": 1}


def test_pictures_without_a_class_are_named_with_a_way_out(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "one.jpg", "two.jpg")
    with pytest.raises(DataError, match=r"one\.jpg has no class: .* say --class NAME"):
        import_pictures(source, tmp_path / "b")
    assert import_pictures(source, tmp_path / "b", class_name="cat").counts == {"cat": 2}
    with pytest.raises(DataError, match=r"lies in no class folder"):
        import_pictures(source, tmp_path / "c", by="folders")


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_is_read_as_a_folder(tmp_path: Path, mode: str) -> None:
    source = lay(tmp_path / "a", "pets/black/1.jpg", "pets/white/2.jpg")
    with tarfile.open(tmp_path / "pets.tar", mode) as tar:
        tar.add(source / "pets", "pets")
    assert import_pictures(tmp_path / "pets.tar", tmp_path / "b").counts == {"black": 1, "white": 1}


def test_a_compressed_archive_is_read_from_front_to_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        for number in range(8, 0, -1):
            member = tarfile.TarInfo(f"cat_{number}.jpg")
            member.size = len(jpeg(number, 600, 400))
            tar.addfile(member, io.BytesIO(jpeg(number, 600, 400)))
    begun: list[int] = []
    real = _compression.DecompressReader._rewind
    monkeypatch.setattr(
        _compression.DecompressReader, "_rewind", lambda self: (begun.append(1), real(self))[1]
    )
    import_pictures(tmp_path / "a.tar.gz", tmp_path / "b")
    assert (tmp_path / "b/cat/cat_3.jpg").read_bytes() == jpeg(3, 600, 400)
    assert len(begun) <= 2  # once to look, once to copy; not once a picture


def test_members_that_lead_away_stay_within(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for name in ("../../cat_1.jpg", "/cat_2.jpg"):
            member = tarfile.TarInfo(name)
            member.size = len(jpeg())
            tar.addfile(member, io.BytesIO(jpeg()))
    with pytest.raises(DataError, match=r"cat_1\.jpg leads out of the archive"):
        import_pictures(tmp_path / "evil.tar", tmp_path / "in/b")
    assert not list(tmp_path.rglob("cat_*"))


def test_a_cut_archive_leaves_nothing(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", *(f"cat_{n}.jpg" for n in range(30)))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(source, ".")
    whole = (tmp_path / "a.tar.gz").read_bytes()
    (tmp_path / "a.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.tar\.gz ends early: get it again"):
        import_pictures(tmp_path / "a.tar.gz", tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.tar.gz"]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg")
    lay(tmp_path / "b", "mine.jpg")
    with pytest.raises(
        DataError, match="b holds something already: name a new folder, nothing is overwritten"
    ):
        import_pictures(source, tmp_path / "b")
    assert laid(tmp_path / "b") == ["mine.jpg"]
    with pytest.raises(DataError, match=r"lies in .* itself"):
        import_pictures(source, source / "b")


def test_an_empty_folder_is_filled_and_missing_ones_are_made(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg")
    (tmp_path / "b").mkdir()
    import_pictures(source, tmp_path / "b")
    import_pictures(source, tmp_path / "x/y/z")
    assert laid(tmp_path / "b") == laid(tmp_path / "x/y/z") == ["cat/cat_1.jpg"]


def test_no_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.txt").write_text("x")
    with pytest.raises(DataError, match=r"has no pictures \(1 files were looked at\)"):
        import_pictures(tmp_path / "a", tmp_path / "b")
    with pytest.raises(DataError, match="is not there"):
        import_pictures(tmp_path / "none", tmp_path / "b")
    with pytest.raises(DataError, match="is no tar archive that can be read"):
        import_pictures(tmp_path / "a/x.txt", tmp_path / "b")


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg", "cat_2.jpg")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(DataError, match=r"the disk is full at .*b: make room and run the command again"):
        import_pictures(source, tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_killed_at_any_copy_there_is_no_folder_and_the_next_import_works(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg", "cat_2.jpg", "cat_3.jpg")
    code = """
import os, signal, sys
from pathlib import Path
from tiny_cats.data.importing import import_pictures
def announce(done, of):
    if done == 2:
        os.kill(os.getpid(), signal.SIGKILL)
import_pictures(Path(sys.argv[1]), Path(sys.argv[2]), announce=announce)
"""
    killed = subprocess.run([sys.executable, "-c", code, source, tmp_path / "b"], check=False)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "b").exists()
    import_pictures(source, tmp_path / "b")
    assert len(laid(tmp_path / "b")) == 3 and not (tmp_path / ".b.part").exists()


def test_two_imports_into_one_folder_do_not_mix(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg")
    with (
        folders.working_folder(tmp_path / "b"),
        pytest.raises(DataError, match="another process is filling"),
    ):
        import_pictures(source, tmp_path / "b")


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = lay(tmp_path / "a", "cat_1.jpg", "dog_1.jpg")
    (source / "list.mat").write_bytes(b"MATLAB")
    assert run(["data", "import", str(source), str(tmp_path / "b")]) == 0
    said = capsys.readouterr().out
    assert "2 pictures of 2 classes" in said and "list.mat" in said and "data check" in said
    assert run(["data", "import", str(source), str(tmp_path / "c"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"] == {"cat": 1, "dog": 1}
    assert run(["data", "import", str(source), str(tmp_path / "c")]) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = lay(tmp_path / "a", "x/1.jpg", "y/2.jpg")
    (source / "y").chmod(0)
    with pytest.raises(DataError, match=r"a/y cannot be read \(Permission denied\)"):
        import_pictures(source, tmp_path / "b")


def test_what_is_not_named_lies_where_training_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "Downloads/pets", "black/1.jpg", "white/2.jpg")
    assert run(["data", "import", "Downloads/pets"]) == 0
    assert laid(tmp_path / "data/pets") == ["black/1.jpg", "white/2.jpg"]
    assert run(["data", "check"]) == 0 and "data/pets: 2 pictures to use" in capsys.readouterr().out
    assert run(["data", "fetch"]) == 1 and "data/pets holds something already" in capsys.readouterr().err
