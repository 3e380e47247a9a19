"""Blobs: what is received is what was announced, or nothing is kept."""

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.control import blobs as blobs_module
from homeport.control.blobs import KEPT_S, Blobs
from homeport.control.links import Links
from homeport.model.errors import InvalidError, NotFoundError, PermissionDeniedError, ResourceExhaustedError
from homeport.store.blobs import BlobStore
from homeport.store.database import Database


def sha256_base64(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    database = Database(tmp_path / "state.db")
    links = Links(database)
    links.base_url = "http://127.0.0.1:1"
    return Blobs(database, BlobStore(tmp_path / "blobs", None), links)


def kept_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]


def test_an_uploaded_blob_is_read_back(blobs: Blobs) -> None:
    data = os.urandom(3_000_000)
    upload = blobs.create(sha256_base64(data), len(data))
    md5 = asyncio.run(blobs.receive(upload.blob_id, None, chunks(data, 70_000)))
    assert md5 == hashlib.md5(data).hexdigest()
    assert asyncio.run(blobs.read(upload.blob_id)) == data
    assert blobs.download_url(upload.blob_id).startswith(f"http://127.0.0.1:1/blobs/{upload.blob_id}?")


@pytest.mark.parametrize("sent", [b"", b"short", b"a little too long"])
def test_an_upload_of_another_length_leaves_nothing(blobs: Blobs, tmp_path: Path, sent: bytes) -> None:
    upload = blobs.create("", 9)
    with pytest.raises(InvalidError, match=upload.blob_id):
        asyncio.run(blobs.receive(upload.blob_id, None, chunks(sent)))
    assert kept_files(tmp_path) == []
    with pytest.raises(NotFoundError, match=upload.blob_id):
        blobs.path(upload.blob_id)


def test_an_upload_with_another_hash_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    upload = blobs.create(sha256_base64(b"announced"), 9)
    with pytest.raises(InvalidError, match="sha256"):
        asyncio.run(blobs.receive(upload.blob_id, None, chunks(b"other one")))
    assert kept_files(tmp_path) == []


def test_equal_content_is_stored_once(blobs: Blobs, tmp_path: Path) -> None:
    for _ in range(2):
        upload = blobs.create("", 4)
        asyncio.run(blobs.receive(upload.blob_id, None, chunks(b"same")))
    assert len(kept_files(tmp_path)) == 1


def test_parts_are_joined(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_module, "MULTIPART_FROM_BYTES", 10)
    monkeypatch.setattr(blobs_module, "PART_BYTES", 4)
    data = b"0123456789"
    upload = blobs.create(sha256_base64(data), len(data))
    assert (len(upload.urls), upload.part_bytes) == (3, 4)
    md5s = [
        asyncio.run(blobs.receive(upload.blob_id, number, chunks(data[start : start + 4])))
        for number, start in ((3, 8), (1, 0), (2, 4))
    ]
    ordered = [md5s[1], md5s[2], md5s[0]]
    tag = asyncio.run(blobs.complete(upload.blob_id, ordered))
    assert tag == hashlib.md5(b"".join(map(bytes.fromhex, ordered))).hexdigest() + "-3"
    assert asyncio.run(blobs.complete(upload.blob_id, ordered)) == tag  # a client that lost the answer
    assert asyncio.run(blobs.read(upload.blob_id)) == data
    assert len(kept_files(tmp_path)) == 1


def test_a_missing_part_is_named(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs_module, "MULTIPART_FROM_BYTES", 10)
    monkeypatch.setattr(blobs_module, "PART_BYTES", 5)
    upload = blobs.create("", 10)
    asyncio.run(blobs.receive(upload.blob_id, 1, chunks(b"01234")))
    with pytest.raises(InvalidError, match="Part 2 of 2"):
        asyncio.run(blobs.complete(upload.blob_id, ["0" * 32] * 2))


def test_sizes_beyond_the_disk_are_refused(blobs: Blobs) -> None:
    with pytest.raises(ResourceExhaustedError, match="free"):
        blobs.create("", 1 << 39)
    with pytest.raises(InvalidError):
        blobs.create("", -1)
    with pytest.raises(InvalidError):
        blobs.create("bm8=", 1)


def test_the_sweep_deletes_what_is_old_and_unused(blobs: Blobs, tmp_path: Path) -> None:
    old = asyncio.run(blobs.add(b"old"))
    linked = asyncio.run(blobs.add(b"in a mount"))
    os.link(blobs.path(linked), tmp_path / "mounted")
    for path in kept_files(tmp_path):
        os.utime(path, (1, 1))
    fresh = asyncio.run(blobs.add(b"fresh"))
    assert asyncio.run(blobs.sweep(time.time())) == 0, "all are named by a blob younger than a week"
    assert asyncio.run(blobs.sweep(time.time() + KEPT_S + 1)) == 1
    for blob_id in (old, linked, fresh):
        with pytest.raises(NotFoundError):
            blobs.path(blob_id)
    assert {path.read_bytes() for path in kept_files(tmp_path)} == {b"in a mount", b"fresh"}


def test_a_link_is_good_for_its_method_and_address_until_it_expires(tmp_path: Path) -> None:
    links = Links(Database(tmp_path / "state.db"))
    links.base_url = "http://h"
    query = dict(item.split("=") for item in links.sign("PUT", "/blobs/b", 60).split("?")[1].split("&"))
    links.check("PUT", "/blobs/b", query["e"], query["s"])
    for method, path, expires in (
        ("GET", "/blobs/b", query["e"]),
        ("PUT", "/blobs/c", query["e"]),
        ("PUT", "/blobs/b", str(int(query["e"]) + 1)),
    ):
        with pytest.raises(PermissionDeniedError):
            links.check(method, path, expires, query["s"])
    expired = dict(item.split("=") for item in links.sign("PUT", "/blobs/b", -5).split("?")[1].split("&"))
    with pytest.raises(PermissionDeniedError, match="expired"):
        links.check("PUT", "/blobs/b", expired["e"], expired["s"])
    again = Links(Database(tmp_path / "state.db"))
    again.check("PUT", "/blobs/b", query["e"], query["s"])  # after a restart of the engine
