"""Uploads to a volume in blocks of 8 MiB, each sent by HTTP and checked against its sha256.

A block is written where it belongs in a file that is moved into the volume when all have come: nothing is
copied twice. What a client leaves unfinished is removed after an hour, and when the engine starts.
"""

import asyncio
import base64
import hashlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from homeport.control.links import UPLOAD_S, Links
from homeport.control.streams import batches
from homeport.control.volume_edits import NewFile, VolumeEdits, check_places
from homeport.control.volume_states import VolumeStates
from homeport.model.errors import InvalidError, NotFoundError, ResourceExhaustedError
from homeport.model.ids import new_id
from homeport.store.removal import remove_tree

BLOCK_BYTES = 8 << 20
MAX_FILE_BYTES = 1 << 40  # Modal's own limit
_IDLE_S = 3600.0
_SMALL_BYTES = 64 << 10  # written at once: a switch to a thread would cost more
_SPARE_BYTES = 256 << 20
_EMPTY = hashlib.sha256(b"").digest()  # of a block that is all zeros: clients leave out zeros at the end


@dataclass(frozen=True)
class FileRequest:
    """A file that a client wants to put: `blocks` are the sha256 of each 8 MiB, without the zeros at its
    end.
    """

    parts: tuple[str, ...]
    size: int
    mode: int
    blocks: tuple[bytes, ...]


@dataclass(frozen=True)
class MissingBlock:
    """A block that has to be sent, and where to."""

    file: int
    block: int
    url: str


@dataclass
class _Upload:
    volume_id: str
    folder: Path
    files: Sequence[FileRequest]
    received: set[tuple[int, int]] = field(default_factory=set)
    locks: defaultdict[tuple[int, int], asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    expiry: asyncio.TimerHandle | None = None


class VolumeUploads:
    """Receives files in blocks and puts them into volumes."""

    def __init__(self, states: VolumeStates, edits: VolumeEdits, links: Links) -> None:
        self._states = states
        self._edits = edits
        self._links = links
        self._uploads: dict[str, _Upload] = {}

    def close(self) -> None:
        """Drops what is unfinished."""
        for upload_id in list(self._uploads):
            self._drop(upload_id)

    async def put(
        self, volume_id: str, files: Sequence[FileRequest], receipts: Sequence[bytes], *, overwrite: bool
    ) -> list[MissingBlock]:
        """Puts the files if all of their blocks are here, else says which are missing.

        `receipts` are what `receive` answered for blocks sent before. Raises AlreadyExistsError,
        InvalidError, NotFoundError, FailedPreconditionError, ResourceExhaustedError.
        """
        volume = self._edits.writable(volume_id)
        for file in files:
            _check(file)
        await asyncio.to_thread(
            check_places, self._states.view(volume), [file.parts for file in files], overwrite=overwrite
        )
        upload_id = self._known(volume_id, files, receipts)
        if upload_id is None:
            upload_id = self._begin(volume_id, files)
        upload = self._uploads[upload_id]
        missing = [
            MissingBlock(i, j, self._links.sign("PUT", f"/blocks/{upload_id}/{i}/{j}", UPLOAD_S))
            for i, file in enumerate(files)
            for j, digest in enumerate(file.blocks)
            if digest != _EMPTY and (i, j) not in upload.received
        ]
        if not missing:
            try:
                staged = await asyncio.to_thread(_finish, upload)
                await self._edits.put(volume_id, staged, overwrite=overwrite)
            finally:
                self._drop(upload_id)
        return missing

    async def receive(self, upload_id: str, file: int, block: int, chunks: AsyncIterator[bytes]) -> bytes:
        """Takes a block and returns the receipt that the client shows when it asks again.

        Raises NotFoundError for an upload that has expired, InvalidError where the content is another.
        """
        upload = self._uploads.get(upload_id)
        if upload is None or file >= len(upload.files) or block >= len(upload.files[file].blocks):
            raise NotFoundError("This upload has expired or is finished. Start it again.")
        self._extend(upload_id)
        # one at a time: an attempt that broke off wipes what it wrote before the next one begins
        async with upload.locks[file, block]:
            if (file, block) in upload.received:
                async for _ in chunks:
                    pass
            else:
                await self._write(upload, file, block, chunks)
                upload.received.add((file, block))
        self._extend(upload_id)
        return upload_id.encode()

    async def _write(self, upload: _Upload, file: int, block: int, chunks: AsyncIterator[bytes]) -> None:
        request = upload.files[file]
        offset = block * BLOCK_BYTES
        limit = min(BLOCK_BYTES, request.size - offset)
        digest = hashlib.sha256()
        fd = os.open(upload.folder / str(file), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        written = 0

        def add(batch: bytes | bytearray) -> None:
            _write_at(fd, batch, offset + written)
            digest.update(batch)

        try:
            async for batch in batches(chunks, limit, f"block {block} of {'/'.join(request.parts)!r}"):
                if len(batch) < _SMALL_BYTES:
                    add(batch)
                else:
                    await asyncio.to_thread(add, batch)
                written += len(batch)
            if digest.digest() != request.blocks[block]:
                raise InvalidError(
                    f"Block {block} of {'/'.join(request.parts)!r} arrived with another content than "
                    "announced: the file changed while it was uploaded, or the transfer was damaged. Upload "
                    "it again."
                )
        except BaseException:
            _write_at(fd, bytes(limit), offset)
            raise
        finally:
            os.close(fd)

    def _known(self, volume_id: str, files: Sequence[FileRequest], receipts: Sequence[bytes]) -> str | None:
        """The upload that these receipts are of, if it is of these files."""
        for receipt in dict.fromkeys(receipts):
            upload_id = receipt.decode("latin-1")
            upload = self._uploads.get(upload_id)
            if upload is not None and upload.volume_id == volume_id and list(upload.files) == list(files):
                return upload_id
        return None

    def _begin(self, volume_id: str, files: Sequence[FileRequest]) -> str:
        volume = self._states.get(volume_id)
        folder = self._states.folder(volume)
        needed = sum(file.size for file in files)
        stat = os.statvfs(folder)
        if needed + _SPARE_BYTES > stat.f_bavail * stat.f_frsize:
            raise ResourceExhaustedError(
                f"There is no room for {needed} bytes in Homeport's folder: {stat.f_bavail * stat.f_frsize} "
                "are free. Free some space, or move HOMEPORT_HOME to a larger disk."
            )
        upload_id = new_id("up")
        upload = _Upload(volume_id, folder / upload_id, files)
        upload.folder.mkdir(mode=0o700)
        self._uploads[upload_id] = upload
        self._extend(upload_id)
        return upload_id

    def _extend(self, upload_id: str) -> None:
        upload = self._uploads.get(upload_id)
        if upload is None:
            return
        if upload.expiry is not None:
            upload.expiry.cancel()
        upload.expiry = asyncio.get_running_loop().call_later(_IDLE_S, self._drop, upload_id)

    def _drop(self, upload_id: str) -> None:
        upload = self._uploads.pop(upload_id, None)
        if upload is None:
            return
        if upload.expiry is not None:
            upload.expiry.cancel()
        remove_tree(upload.folder)


def _check(file: FileRequest) -> None:
    path = "/".join(file.parts)
    if file.size > MAX_FILE_BYTES:
        raise InvalidError(
            f"{path!r} has {file.size} bytes; a file in a volume holds {MAX_FILE_BYTES} at most."
        )
    expected = -(-file.size // BLOCK_BYTES)
    if len(file.blocks) != expected:
        raise InvalidError(
            f"{path!r} of {file.size} bytes has {expected} blocks, but {len(file.blocks)} were named."
        )
    for digest in file.blocks:
        if len(digest) != 32:
            raise InvalidError(f"{base64.b64encode(digest)[:60]!r} is not the sha256 of a block of {path!r}.")


def _finish(upload: _Upload) -> list[NewFile]:
    """Gives the staged files their lengths: zeros at the end of blocks were not sent."""
    staged = []
    for index, file in enumerate(upload.files):
        path = upload.folder / str(index)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(fd, file.size)
        finally:
            os.close(fd)
        staged.append(NewFile(file.parts, file.mode, path, is_staged=True))
    return staged


def _write_at(fd: int, data: bytes | bytearray, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        view = view[written:]
        offset += written
