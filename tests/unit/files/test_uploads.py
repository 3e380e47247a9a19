"""Uploads in blocks: only what was announced gets in, whole or not at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from homeport.control import volume_uploads
from homeport.control.volume_uploads import BLOCK_BYTES, FileRequest, MissingBlock
from homeport.model.errors import (
    AlreadyExistsError,
    InvalidError,
    NotFoundError,
    ResourceExhaustedError,
)
from tests.unit.files.volumes_here import VolumesHere


def request(path: str, data: bytes, mode: int = 0o644) -> FileRequest:
    blocks = [data[start : start + BLOCK_BYTES].rstrip(b"\0") for start in range(0, len(data), BLOCK_BYTES)]
    digests = tuple(hashlib.sha256(block).digest() for block in blocks)
    return FileRequest(tuple(path.split("/")), len(data), mode, digests)


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


def put(
    here: VolumesHere, files: list[FileRequest], receipts: tuple[bytes, ...] = (), *, overwrite: bool = True
) -> list[MissingBlock]:
    return here.run(here.service.uploads.put(here.volume_id, files, receipts, overwrite=overwrite))


def send(here: VolumesHere, missing: MissingBlock, data: bytes) -> bytes:
    upload_id = missing.url.split("/blocks/")[1].split("/")[0]
    return here.run(here.service.uploads.receive(upload_id, missing.file, missing.block, chunks(data)))


def staged(here: VolumesHere) -> list[Path]:
    return list(here.service.states.folder(here.service.states.get(here.volume_id)).glob("up-*"))


def test_a_file_of_several_blocks_with_zeros(here: VolumesHere) -> None:
    first = os.urandom(BLOCK_BYTES - 10) + bytes(10)
    data = first + bytes(BLOCK_BYTES) + b"end" + bytes(7)
    missing = put(here, [request("a/b", data, 0o600)])
    assert [(block.file, block.block) for block in missing] == [(0, 0), (0, 2)], "zeros need not be sent"
    receipts = (send(here, missing[1], b"end"), send(here, missing[0], first.rstrip(b"\0")))
    assert put(here, [request("a/b", data, 0o600)], receipts) == []
    assert here.digest("a/b") == hashlib.sha256(data).hexdigest()
    assert staged(here) == []


def test_empty_files_need_no_block(here: VolumesHere) -> None:
    assert put(here, [request("empty", b""), request("zeros", bytes(100))]) == []
    assert here.files() == {"empty": "", "zeros": "\0" * 100}


def test_a_block_with_another_content_is_refused_and_wiped(here: VolumesHere) -> None:
    data = b"right" * 10
    (missing,) = put(here, [request("f", data)])
    for wrong in (b"wrong" * 10, b"right" * 9, b"", b"x" * 51):
        with pytest.raises(InvalidError, match="'f'"):
            send(here, missing, wrong)
    again = put(here, [request("f", data)], (b"no receipt",))
    assert len(again) == 1
    receipt = send(here, missing, data)
    send(here, missing, b"anything: this block is here already")
    assert put(here, [request("f", data)], (receipt,)) == []
    assert here.files() == {"f": data.decode()}


def test_receipts_are_of_the_very_same_files(here: VolumesHere) -> None:
    (missing,) = put(here, [request("f", b"data")])
    receipt = send(here, missing, b"data")
    assert len(put(here, [request("other", b"data")], (receipt,))) == 1
    assert here.files() == {}


def test_what_cannot_be_put_is_refused_before_anything_is_sent(here: VolumesHere) -> None:
    here.put({"file": "1", "folder/x": "1"})
    for files, error, words in (
        ([request("file", b"2")], AlreadyExistsError, "'file' exists already"),
        ([request("folder", b"2")], AlreadyExistsError, "'folder' is a folder"),
        ([request("file/below", b"2")], InvalidError, "'file' is a file"),
        ([request("n", b"1"), request("n/x", b"1")], InvalidError, "file and a folder"),
        ([FileRequest((), 0, 0o644, ())], InvalidError, "top of a volume"),
        ([FileRequest(("f",), 9, 0o644, ())], InvalidError, "1 blocks"),
        ([FileRequest(("f",), 9, 0o644, (b"short",))], InvalidError, "sha256"),
        ([FileRequest(("f",), 1 << 41, 0o644, ())], InvalidError, "holds"),
    ):
        with pytest.raises(error, match=words):
            put(here, files, overwrite=False)
    with pytest.raises(AlreadyExistsError, match="'folder' is a folder"):
        put(here, [request("folder", b"2")], overwrite=True)
    assert staged(here) == []


def test_a_disk_that_is_too_full_is_named(here: VolumesHere) -> None:
    size = 1 << 40
    with pytest.raises(ResourceExhaustedError, match="free"):
        put(
            here, [FileRequest(("f",), size, 0o644, (hashlib.sha256(b"x").digest(),) * (size // BLOCK_BYTES))]
        )


def test_what_appears_meanwhile_is_not_overwritten(here: VolumesHere) -> None:
    (missing,) = put(here, [request("f", b"mine")], overwrite=False)
    receipt = send(here, missing, b"mine")
    here.put({"f": "theirs"})
    with pytest.raises(AlreadyExistsError):
        put(here, [request("f", b"mine")], (receipt,), overwrite=False)
    assert here.files() == {"f": "theirs"}


def test_an_unfinished_upload_is_dropped_in_time(here: VolumesHere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume_uploads, "_IDLE_S", 0.01)
    (missing,) = put(here, [request("f", b"data")])
    here.run(asyncio.sleep(0.05))
    assert staged(here) == []
    with pytest.raises(NotFoundError, match="expired"):
        send(here, missing, b"data")


def test_two_attempts_at_one_block_do_not_mix(here: VolumesHere) -> None:
    data = os.urandom(3_000_000)
    (missing,) = put(here, [request("f", data)])
    upload_id = missing.url.split("/blocks/")[1].split("/")[0]

    async def breaks_off(gone: asyncio.Event) -> AsyncIterator[bytes]:
        yield bytes(2_000_000)
        gone.set()
        await asyncio.sleep(0.05)
        raise ConnectionError("hung up")

    async def both() -> None:
        gone = asyncio.Event()
        first = asyncio.create_task(here.service.uploads.receive(upload_id, 0, 0, breaks_off(gone)))
        await gone.wait()
        await here.service.uploads.receive(upload_id, 0, 0, chunks(data))
        with pytest.raises(ConnectionError):
            await first

    here.run(both())
    assert put(here, [request("f", data)], (upload_id.encode(),)) == []
    assert here.digest("f") == hashlib.sha256(data).hexdigest()
