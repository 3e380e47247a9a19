"""Linked folders: what `modal volume` shows and changes is the folder itself, and nothing beyond it."""

import os
from pathlib import Path

import pytest

from homeport.model.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidError,
    NotFoundError,
)
from tests.unit.files.served import Served
from tests.unit.files.volumes_here import VolumesHere


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    (tmp_path / "secret").write_text("secret")
    (folder / "out").symlink_to("../secret")
    (folder / "in").symlink_to("sub/b.txt")
    return folder


def link(here: VolumesHere, folder: Path, *, writable: bool, name: str = "linked") -> str:
    volume = here.service.names.link("main", name, folder, is_writable=writable)
    here.volume_id = volume.volume_id
    return volume.volume_id


def test_a_read_only_link_is_read_and_not_changed(here: VolumesHere, folder: Path) -> None:
    link(here, folder, writable=False)
    assert here.files() == {"a.txt": "a", "sub/b.txt": "b"}
    for change in (
        lambda: here.put({"new": "1"}),
        lambda: here.remove("a.txt"),
        lambda: here.copy("a.txt", "c.txt"),
    ):
        with pytest.raises(FailedPreconditionError, match="--writable"):
            change()
    assert sorted(p.name for p in folder.iterdir()) == ["a.txt", "in", "out", "sub"]


def test_a_writable_link_is_the_folder(here: VolumesHere, folder: Path) -> None:
    link(here, folder, writable=True)
    here.put({"new/deep": "1", "a.txt": "2"}, mode=0o640)
    assert (folder / "new" / "deep").read_text() == "1"
    assert (folder / "a.txt").stat().st_mode & 0o777 == 0o640
    here.copy("sub", "copied", recursive=True)
    assert (folder / "copied" / "b.txt").read_text() == "b"
    here.remove("sub", recursive=True)
    assert not (folder / "sub").exists()
    (folder / "made here").write_text("x")
    assert "made here" in here.files()
    with pytest.raises(AlreadyExistsError):
        here.put({"a.txt": "3"}, overwrite=False)


def test_links_out_of_the_folder_are_refused(here: VolumesHere, folder: Path, tmp_path: Path) -> None:
    link(here, folder, writable=True)
    with pytest.raises(InvalidError, match="leads out"):
        here.run(here.service.reads.links(here.volume_id, "out", 0, 0))
    reading = here.run(here.service.reads.links(here.volume_id, "in", 0, 0))
    assert reading.size == 1
    (folder / "way").symlink_to(tmp_path)
    with pytest.raises(InvalidError, match="symbolic link"):
        here.put({"way/new": "1"})
    with pytest.raises(NotFoundError):
        here.remove("way/secret")
    here.remove("out")
    assert (tmp_path / "secret").read_text() == "secret"
    assert not (tmp_path / "new").exists()


def test_a_container_gets_the_folder_itself(here: VolumesHere, folder: Path) -> None:
    link(here, folder, writable=False)
    attachment = here.service.attach("ta-1", here.volume_id, "/data", read_only=False)
    assert (attachment.bind, attachment.read_only, attachment.upper) == (folder, True, None)
    part = here.service.attach("ta-1", here.volume_id, "/data", read_only=False, sub_path="sub")
    assert part.bind == folder / "sub"
    with pytest.raises(InvalidError, match="none"):
        here.service.attach("ta-1", here.volume_id, "/data", read_only=False, sub_path="none")
    here.commit("ta-1")
    here.reload("ta-1")


def test_names_and_folders_that_cannot_be_linked(here: VolumesHere, folder: Path) -> None:
    with pytest.raises(AlreadyExistsError, match="'vol'"):
        link(here, folder, writable=False, name="vol")
    for wrong in (folder / "a.txt", folder / "none", Path("/"), here.home.root.parent):
        with pytest.raises(InvalidError):
            link(here, wrong, writable=False)
    first = link(here, folder, writable=False)
    second = link(here, folder / "sub", writable=True)
    assert first != second
    assert here.files() == {"b.txt": "b"}
    with pytest.raises(InvalidError, match="not a linked folder"):
        here.service.names.unlink("main", "vol")
    here.run(here.service.names.delete(second))
    assert (folder / "sub" / "b.txt").exists()


def test_the_client_reads_a_linked_folder(served: Served, folder: Path) -> None:
    (folder / "big").write_bytes(data := os.urandom(9 << 20))
    served.do(served.volumes.names.link, "main", "linked", folder, is_writable=False)
    assert sorted(served.modal("volume", "ls", "linked").stdout.split()) == [
        "a.txt",
        "big",
        "in",
        "out",
        "sub",
    ]
    back = folder.parent / "back"
    back.mkdir()
    served.modal("volume", "get", "linked", "/", str(back))
    assert (back / "big").read_bytes() == data
    assert (back / "sub" / "b.txt").read_text() == "b"
    out = served.modal("volume", "get", "linked", "out", "-", check=False)
    assert out.returncode != 0
    assert "leads out of the volume" in out.stderr + out.stdout
    assert served.modal("volume", "get", "linked", "in", "-").stdout.startswith("b")
    (folder / "way").symlink_to("sub")
    served.modal("volume", "get", "linked", "way", str(back))
    assert (back / "way" / "b.txt").read_text() == "b"
    refused = served.modal("volume", "put", "linked", str(back / "big"), "/new", check=False)
    assert refused.returncode != 0
    assert "--writable" in refused.stderr + refused.stdout
