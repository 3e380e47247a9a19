"""Blobs: arguments, results and files too long for a message, uploaded and fetched by HTTP.

A blob is an id for some content in the store. It is kept for a week, as results are; content that a mount
uses stays as long as the mount's tree does. The HTTP side is `web/blobs.py`.
"""

import asyncio
import base64
import binascii
import hashlib
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from homeport.control.links import DOWNLOAD_S, UPLOAD_S, Links
from homeport.control.streams import batches
from homeport.model.errors import InvalidError, NotFoundError, ResourceExhaustedError
from homeport.model.ids import BLOB, new_id
from homeport.store.blobs import BlobStore
from homeport.store.database import Database

KEPT_S = 7 * 24 * 3600.0
MULTIPART_FROM_BYTES = 1 << 30
PART_BYTES = 128 << 20
MAX_BYTES = 1 << 40
_SPARE_BYTES = 256 << 20  # never fill the disk to the last byte: the database needs some
_SWEEP_EVERY_S = 24 * 3600.0


@dataclass(frozen=True)
class Upload:
    """Where a new blob's content is to be sent: one link, or a link for each part and one to complete it."""

    blob_id: str
    urls: list[str]
    part_bytes: int = 0
    completion_url: str = ""


class Blobs:
    """Creates blobs, receives their content, and hands it out."""

    def __init__(self, database: Database, store: BlobStore, links: Links) -> None:
        self._db = database
        self.store = store
        self._links = links
        self._sweeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Starts the sweep: once now and once a day. Needs the event loop."""
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_daily(), name="blob sweep")

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    def create(self, sha256_base64: str, size_bytes: int) -> Upload:
        """A new, empty blob and the links to fill it.

        Raises InvalidError for a size or hash that cannot be, ResourceExhaustedError where the disk is too
        full.
        """
        if size_bytes < 0 or size_bytes > MAX_BYTES:
            raise InvalidError(
                f"A blob of {size_bytes} bytes cannot be made; the limit is {MAX_BYTES} bytes."
            )
        free = self.store.free_bytes()
        if size_bytes + _SPARE_BYTES > free:
            raise ResourceExhaustedError(
                f"There is no room for a blob of {size_bytes} bytes: {free} bytes are free in Homeport's "
                "folder. Free some space, or move HOMEPORT_HOME to a larger disk."
            )
        blob_id = new_id(BLOB)
        part_bytes = PART_BYTES if size_bytes >= MULTIPART_FROM_BYTES else 0
        self._add(blob_id, _sha256_hex(sha256_base64), size_bytes, part_bytes, is_complete=False)
        if not part_bytes:
            return Upload(blob_id, [self._links.sign("PUT", f"/blobs/{blob_id}", UPLOAD_S)])
        parts = _part_count(size_bytes, part_bytes)
        urls = [self._links.sign("PUT", f"/blobs/{blob_id}/{n}", UPLOAD_S) for n in range(1, parts + 1)]
        completion = self._links.sign("POST", f"/blobs/{blob_id}/complete", UPLOAD_S)
        return Upload(blob_id, urls, part_bytes, completion)

    async def receive(self, blob_id: str, part: int | None, chunks: AsyncIterator[bytes]) -> str:
        """Takes a blob's content, or one of its parts (from 1), and returns its md5 in hex.

        Raises InvalidError when it is longer or shorter than announced or has another hash; nothing is kept
        then.
        """
        row = self._row(blob_id)
        expected = _part_length(row["size_bytes"], row["part_bytes"], part)
        incoming = self.store.receive(with_md5=True)
        try:
            async for batch in batches(chunks, expected, f"blob {blob_id}"):
                if len(batch) < 1 << 16:
                    incoming.write(batch)
                else:
                    await asyncio.to_thread(incoming.write, batch)
            if incoming.size_bytes != expected:
                raise InvalidError(
                    f"The upload of blob {blob_id} ended after {incoming.size_bytes} of {expected} bytes. "
                    "Upload it again."
                )
            if part is None:
                sha256 = self.store.keep(incoming, row["sha256"])
                self._db.run("complete_blob", blob_id=blob_id, sha256=sha256)
            else:
                incoming.close()
                incoming.path.replace(self.store.part(blob_id, part))
            return incoming.md5
        except BaseException:
            incoming.abort()
            raise

    async def complete(self, blob_id: str, part_md5s: list[str]) -> str:
        """Joins the parts of a multipart upload and returns the tag that the client expects."""
        row = self._row(blob_id)
        parts = _part_count(row["size_bytes"], row["part_bytes"] or 1)
        if not row["part_bytes"] or len(part_md5s) != parts:
            raise InvalidError(f"Blob {blob_id} has {parts} parts, but {len(part_md5s)} were named.")
        if not row["is_complete"]:  # a client whose answer was lost asks again
            sha256, _ = await asyncio.to_thread(self.store.join_parts, blob_id, parts, row["sha256"])
            self._db.run("complete_blob", blob_id=blob_id, sha256=sha256)
        try:
            joined = b"".join(bytes.fromhex(md5) for md5 in part_md5s)
        except ValueError:
            raise InvalidError(f"The parts' tags of blob {blob_id} are not md5 sums in hex.") from None
        return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{parts}"

    def download_url(self, blob_id: str) -> str:
        """A link to the content. Raises NotFoundError where there is none (any more)."""
        self.path(blob_id)
        return self._links.sign("GET", f"/blobs/{blob_id}", DOWNLOAD_S)

    def path(self, blob_id: str) -> Path:
        """The file with the content, never to be written. Raises NotFoundError."""
        row = self._row(blob_id)
        path = self.store.path(row["sha256"]) if row["is_complete"] else None
        if path is None or not path.exists():
            raise NotFoundError(
                f"Blob {blob_id} has no content: its upload was not completed, or it expired."
            )
        return path

    def sha256(self, blob_id: str) -> str:
        """The content's sha256 in hex. Raises NotFoundError."""
        return self.path(blob_id).name

    async def read(self, blob_id: str) -> bytes:
        """The whole content in memory: for payloads, not for files. Raises NotFoundError."""
        return await asyncio.to_thread(self.path(blob_id).read_bytes)

    async def add(self, data: bytes) -> str:
        """Stores bytes as a new blob and returns its id."""
        sha256 = await asyncio.to_thread(self.store.put, data)
        return self.add_stored(sha256, len(data))

    def add_stored(self, sha256: str, size_bytes: int) -> str:
        """A new blob for content that is in the store already."""
        blob_id = new_id(BLOB)
        self._add(blob_id, sha256, size_bytes, 0, is_complete=True)
        return blob_id

    async def sweep(self, now: float) -> int:
        """Forgets blobs older than a week and deletes content that nothing uses; returns how many files."""
        self._db.run("delete_blobs_before", before=now - KEPT_S)
        candidates = await asyncio.to_thread(self.store.unused, KEPT_S)
        deleted = 0
        for sha256 in candidates:  # back in the loop's thread, where the database is
            if self._db.one("blob_with_content", sha256=sha256) is None:
                deleted += self.store.delete_unused(sha256, KEPT_S)
        return deleted

    async def _sweep_daily(self) -> None:
        while True:
            await self.sweep(time.time())
            await asyncio.sleep(_SWEEP_EVERY_S)

    def _add(self, blob_id: str, sha256: str, size_bytes: int, part_bytes: int, *, is_complete: bool) -> None:
        self._db.run(
            "add_blob",
            blob_id=blob_id,
            sha256=sha256,
            size_bytes=size_bytes,
            part_bytes=part_bytes,
            is_complete=is_complete,
            created_at=time.time(),
        )

    def _row(self, blob_id: str) -> sqlite3.Row:
        row = self._db.one("blob_by_id", blob_id=blob_id)
        if row is None:
            raise NotFoundError(f"There is no blob {blob_id}; blobs are kept for seven days.")
        return row


def _sha256_hex(sha256_base64: str) -> str:
    """Hex of a base64 hash; empty where the client named none."""
    if not sha256_base64:
        return ""
    try:
        digest = base64.b64decode(sha256_base64, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise InvalidError("content_sha256_base64 is not a sha256 in base64.")
    return digest.hex()


def _part_count(size_bytes: int, part_bytes: int) -> int:
    return -(-size_bytes // part_bytes)


def _part_length(size_bytes: int, part_bytes: int, part: int | None) -> int:
    """How long a part (from 1) or, with None, the whole must be. Raises InvalidError for one that there is
    not.
    """
    if (part is None) != (part_bytes == 0):
        raise InvalidError("This blob is uploaded in parts." if part_bytes else "This blob has no parts.")
    if part is None:
        return size_bytes
    if not 1 <= part <= _part_count(size_bytes, part_bytes):
        raise InvalidError(f"There is no part {part}.")
    return min(part_bytes, size_bytes - (part - 1) * part_bytes)
