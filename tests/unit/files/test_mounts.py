"""Mounts: the files a client sent, at their exact places, and nowhere else."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from homeport.control.mounts import Mounts, tree_file
from homeport.model.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidError,
    NotFoundError,
    NotServedError,
)
from homeport.model.home import Home
from homeport.store.blobs import BlobStore
from homeport.store.database import Database
from homeport.store.trees import TreeFile


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def mounts(home: Home) -> Mounts:
    return Mounts(Database(home.database), home, BlobStore(home.blobs, None))


def put(mounts: Mounts, path: str, data: bytes, mode: int | None = 0o644) -> TreeFile:
    sha256 = hashlib.sha256(data).hexdigest()
    asyncio.run(mounts.put_file(sha256, data))
    return tree_file(path, sha256, mode)


def create(mounts: Mounts, *files: TreeFile, name: str | None = None, fail_if_exists: bool = False) -> str:
    return asyncio.run(mounts.create(list(files), name=name, fail_if_exists=fail_if_exists)).mount_id


def test_files_lie_at_their_exact_paths_with_their_modes(mounts: Mounts) -> None:
    mount_id = create(
        mounts,
        put(mounts, "/root/app.py", b"print()"),
        put(mounts, "/app/tools/run me.sh", b"#!/bin/sh", 0o750),
        put(mounts, "/app/ünï.txt", b"", 0o600),
    )
    tree = mounts.tree(mount_id)
    assert tree is not None
    assert (tree / "root/app.py").read_bytes() == b"print()"
    modes = {str(p.relative_to(tree)): p.stat().st_mode & 0o7777 for p in tree.rglob("*")}
    assert modes == {
        "root": 0o755,
        "root/app.py": 0o644,
        "app": 0o755,
        "app/tools": 0o755,
        "app/tools/run me.sh": 0o754,
        "app/ünï.txt": 0o644,
    }


def test_the_same_files_are_the_same_mount_and_tree(mounts: Mounts, home: Home) -> None:
    a, b = put(mounts, "/root/a", b"1"), put(mounts, "/root/b", b"2")
    assert create(mounts, a, b) == create(mounts, b, a)
    other = create(mounts, a)
    assert len(list(home.mounts.iterdir())) == 2
    again = Mounts(Database(home.database), home, BlobStore(home.blobs, None))
    assert again.tree(other) == mounts.tree(other)


@pytest.mark.parametrize(
    "path", ["relative", "/root/../etc/passwd", "../x", "/", "", "/a/..", "/nul\0", "/folder/", "/a/."]
)
def test_a_path_that_leaves_the_tree_is_refused(path: str) -> None:
    with pytest.raises(InvalidError):
        tree_file(path, "0" * 64, None)


def test_a_path_cannot_be_file_and_folder(mounts: Mounts, home: Home) -> None:
    for modes in ((0o644, 0o644), (0o755, 0o755)):
        with pytest.raises(InvalidError, match="/root/a"):
            create(mounts, put(mounts, "/root/a", b"1", modes[0]), put(mounts, "/root/a/b", b"2", modes[1]))
    assert list(home.mounts.iterdir()) == [], "no half tree stays"


def test_content_that_was_not_sent_is_named(mounts: Mounts) -> None:
    with pytest.raises(FailedPreconditionError, match="/root/x"):
        create(mounts, tree_file("/root/x", "0" * 64, None))


def test_content_with_another_hash_is_refused(mounts: Mounts) -> None:
    with pytest.raises(InvalidError):
        asyncio.run(mounts.put_file("0" * 64, b"data"))
    with pytest.raises(InvalidError):
        mounts.missing(["../../etc/passwd"])
    assert mounts.missing(["0" * 64]) == ["0" * 64]


def test_global_mounts_are_known_by_name(mounts: Mounts) -> None:
    client = mounts.by_name("modal-client-mount-1.6.4", "")
    assert mounts.tree(client.mount_id) is None
    assert mounts.by_name("modal-client-mount-1.6.4", "") == client
    python = mounts.by_name("python-build-standalone.20230826.3.11.5-gnu", "")
    with pytest.raises(NotServedError, match="add_python"):
        mounts.tree(python.mount_id)
    with pytest.raises(NotFoundError, match="nothing-such"):
        mounts.by_name("nothing-such", "")
    with pytest.raises(NotFoundError, match="mo-x"):
        mounts.tree("mo-x")


def test_a_deployed_mount_is_found_by_its_name(mounts: Mounts) -> None:
    first = create(mounts, put(mounts, "/a", b"1"), name="tools")
    assert mounts.by_name("tools", "").mount_id == first
    with pytest.raises(AlreadyExistsError, match="tools"):
        create(mounts, put(mounts, "/a", b"2"), name="tools", fail_if_exists=True)
    assert create(mounts, put(mounts, "/a", b"2"), name="tools") == first
    tree = mounts.tree(first)
    assert tree is not None and (tree / "a").read_bytes() == b"2"


def test_what_a_killed_engine_was_building_is_swept(mounts: Mounts, home: Home) -> None:
    (home.mounts / "tmp-7-99").mkdir()
    (home.mounts / "77").mkdir()
    mount_id = create(mounts, put(mounts, "/a", b"1"))
    tree = Mounts(Database(home.database), home, BlobStore(home.blobs, None)).tree(mount_id)
    assert list(home.mounts.iterdir()) == [tree]
