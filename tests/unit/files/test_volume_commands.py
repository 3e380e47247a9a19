"""`modal volume …` as a user types it, by the real client."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.files.served import Served

MIB = 1 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder as users have them."""
    root = tmp_path / "data"
    (root / "sub dir" / "deep").mkdir(parents=True)
    (root / "plain.txt").write_text("plain\n")
    (root / "empty").write_bytes(b"")
    (root / "sub dir" / "ünïcode ☃.bin").write_bytes(os.urandom(9 * MIB))
    (root / "sub dir" / "-dash").write_text("dash")
    (root / "sub dir" / "deep" / "zeros").write_bytes(bytes(20 * MIB))
    (root / "sub dir" / "deep" / "tail").write_bytes(os.urandom(8 * MIB) + bytes(3 * MIB))
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_folder_goes_up_and_comes_back(served: Served, tree: Path, tmp_path: Path, version: str) -> None:
    made = served.modal("volume", "create", "vol", "--version", version)
    assert "Created Volume 'vol'" in made.stdout
    served.modal("volume", "put", "vol", str(tree), "/data")
    back = tmp_path / "back"
    back.mkdir()
    served.modal("volume", "get", "vol", "/data", str(back))
    assert contents(back / "data") == contents(tree)
    listed = served.modal("volume", "ls", "vol", "data/sub dir").stdout.splitlines()
    assert sorted(listed) == ["data/sub dir/-dash", "data/sub dir/deep", "data/sub dir/ünïcode ☃.bin"]


def test_create_list_rename_delete(served: Served) -> None:
    served.modal("volume", "create", "one")
    again = served.modal("volume", "create", "one", check=False)
    assert again.returncode != 0 and "'one'" in again.stderr + again.stdout
    listed = json.loads(served.modal("volume", "list", "--json").stdout)
    assert [row["name"] for row in listed] == ["one"]
    served.modal("volume", "create", "two")
    taken = served.modal("volume", "rename", "-y", "one", "two", check=False)
    assert taken.returncode != 0 and "'two'" in taken.stderr + taken.stdout
    served.modal("volume", "rename", "-y", "one", "three")
    assert {row["name"] for row in json.loads(served.modal("volume", "list", "--json").stdout)} == {
        "two",
        "three",
    }
    served.modal("volume", "delete", "-y", "two")
    gone = served.modal("volume", "ls", "two", check=False)
    assert gone.returncode != 0
    assert "modal volume create two" in gone.stderr + gone.stdout
    served.modal("volume", "delete", "-y", "--allow-missing", "two")


def test_put_refuses_to_overwrite_unless_forced(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "file"
    served.modal("volume", "create", "vol")
    file.write_text("first")
    served.modal("volume", "put", "vol", str(file))
    file.write_text("second")
    refused = served.modal("volume", "put", "vol", str(file), check=False)
    assert refused.returncode != 0 and "'file' exists already" in refused.stderr + refused.stdout
    served.modal("volume", "put", "--force", "vol", str(file))
    assert served.modal("volume", "get", "vol", "file", "-").stdout.startswith("second")


def test_climbing_out_by_put_is_refused(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    served.modal("volume", "create", "vol")
    refused = served.modal("volume", "put", "vol", str(file), "../../outside", check=False)
    assert refused.returncode != 0 and "'..'" in refused.stderr + refused.stdout
    assert not list(tmp_path.rglob("outside"))


def test_rm_and_cp(served: Served, tree: Path) -> None:
    served.modal("volume", "create", "vol")
    served.modal("volume", "put", "vol", str(tree), "/data")
    served.modal("volume", "cp", "vol", "data/plain.txt", "copy.txt")
    assert served.modal("volume", "get", "vol", "copy.txt", "-").stdout.startswith("plain")
    refused = served.modal("volume", "cp", "vol", "data", "copies", check=False)
    assert refused.returncode != 0 and "folder" in refused.stderr + refused.stdout
    served.modal("volume", "cp", "-r", "vol", "data", "copies")
    assert served.modal("volume", "ls", "vol", "copies/sub dir").stdout.count("\n") == 3
    refused = served.modal("volume", "rm", "vol", "data", check=False)
    assert refused.returncode != 0 and "-r" in refused.stderr + refused.stdout
    served.modal("volume", "rm", "-r", "vol", "data")
    missing = served.modal("volume", "rm", "vol", "data/plain.txt", check=False)
    assert missing.returncode != 0 and "'data/plain.txt' in Volume 'vol'" in missing.stderr + missing.stdout
    assert "modal volume ls vol" in missing.stderr + missing.stdout
    assert sorted(served.modal("volume", "ls", "vol").stdout.split()) == ["copies", "copy.txt"]


def test_the_sdk_uploads_lists_reads_and_removes(served: Served) -> None:
    script = """
import io, modal
vol = modal.Volume.from_name("sdk", create_if_missing=True)
with vol.batch_upload() as batch:
    batch.put_file(io.BytesIO(b"some data"), "/a/b.bin", mode=0o600)
    batch.put_file(io.BytesIO(b""), "/a/empty")
entries = {e.path: (e.type.name, e.size) for e in vol.listdir("/", recursive=True)}
assert entries == {"a": ("DIRECTORY", 0), "a/b.bin": ("FILE", 9), "a/empty": ("FILE", 0)}, entries
assert [e.path for e in vol.listdir("a/b.bin")] == ["a/b.bin"]
assert abs(vol.listdir("a/b.bin")[0].mtime - __import__("time").time()) < 60
assert b"".join(vol.read_file("a/b.bin")) == b"some data"
assert b"".join(vol.read_file("/a/empty")) == b""
for path in ("nothing", "a/b.bin/c"):
    try:
        list(vol.read_file(path)); raise SystemExit("read " + path)
    except FileNotFoundError as error:
        assert path in str(error), error
vol.remove_file("a", recursive=True)
assert vol.listdir("/") == []
with modal.Volume.ephemeral() as short:
    with short.batch_upload() as batch:
        batch.put_file(io.BytesIO(b"x"), "x")
    assert modal.Volume.from_id(short.object_id).listdir("/")[0].path == "x"
print("done")
"""
    done = served.client("-c", script, check=False)
    assert done.stdout == "done\n", done.stderr


def test_a_range_of_a_file(served: Served, tmp_path: Path) -> None:
    data = os.urandom(20 * MIB + 17)
    file = tmp_path / "file"
    file.write_bytes(data)
    served.modal("volume", "create", "vol")
    served.modal("volume", "put", "vol", str(file), "f")
    import urllib.request

    from tests.unit.files.served import TOKEN  # noqa: F401

    volume = served.do(served.volumes.names.lookup, "main", "vol")
    for start, length in (
        (0, 0),
        (5, 10),
        (8 * MIB - 1, 2),
        (8 * MIB, 8 * MIB),
        (3, 19 * MIB),
        (20 * MIB, 0),
    ):
        reading = served.call(served.volumes.reads.links(volume.volume_id, "f", start, length))
        got = b"".join(urllib.request.urlopen(url).read() for url in reading.urls)
        assert got == data[start : start + length if length else None]
        assert (reading.start, reading.length) == (start, len(got))
