"""Files by their content: blobs/ab/abcd… named by sha256, written once, never changed.

A file appears by rename, when its bytes are complete and their hash is known; what was cut short leaves
nothing. Mount trees hold hard links to these files. Who may read or write which blob is control/'s matter.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from homeport.model.errors import InvalidError
from homeport.model.ids import new_id

_COPY_BYTES = 1 << 20


class Incoming:
    """A file that is being received: hashed while it is written, renamed into place at the end."""

    def __init__(self, path: Path, *, with_md5: bool) -> None:
        self.path = path
        self.size_bytes = 0
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) or 0 :]
        self._sha256.update(data)
        if self._md5 is not None:
            self._md5.update(data)
        self.size_bytes += len(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        assert self._md5 is not None
        return self._md5.hexdigest()

    def close(self) -> None:
        self._file.close()

    def abort(self) -> None:
        """Removes what was received. No error when it has been kept already."""
        self.close()
        self.path.unlink(missing_ok=True)


class BlobStore:
    """The folder of content-addressed files. `owner_uid` owns them where containers run as another user."""

    def __init__(self, root: Path, owner_uid: int | None) -> None:
        self._root = root
        self._owner = owner_uid
        self._incoming = root / "tmp"
        # what an earlier engine was receiving can never be completed, but for parts of multipart uploads
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    def path(self, sha256: str) -> Path:
        """Where this content lies or would lie. Raises InvalidError when it is no sha256 in hex."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise InvalidError(f"{sha256[:80]!r} is not a sha256 in lower-case hex.")
        return self._root / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).exists()

    def touch(self, sha256: str) -> bool:
        """Marks content as used just now, which keeps it from the next sweep; False where there is none."""
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        return True

    def receive(self, *, with_md5: bool = False) -> Incoming:
        """A place for content to come; `keep` or `Incoming.abort` ends it."""
        return Incoming(self._incoming / new_id("up"), with_md5=with_md5)

    def part(self, blob_id: str, number: int) -> Path:
        """Where a complete part of a multipart upload waits for the others."""
        return self._incoming / f"{blob_id}.{number}"

    def keep(self, incoming: Incoming, expected_sha256: str = "") -> str:
        """Puts received content in its place and returns its sha256.

        Raises InvalidError, and removes it, when it is not what was announced.
        """
        incoming.close()
        sha256 = incoming.sha256
        if expected_sha256 and sha256 != expected_sha256:
            incoming.abort()
            raise InvalidError(
                f"The content received has sha256 {sha256}, but {expected_sha256} was announced: the file "
                "changed while it was uploaded, or the transfer was damaged. Upload it again."
            )
        target = self.path(sha256)
        incoming.path.chmod(0o644)
        if self._owner is not None:
            os.chown(incoming.path, self._owner, self._owner)
        target.parent.mkdir(exist_ok=True)
        try:
            # not over an existing file: mount trees may be linked to that one, and a second inode is a waste
            os.link(incoming.path, target)
        except FileExistsError:
            os.utime(target)
        incoming.path.unlink()
        return sha256

    def put(self, data: bytes, expected_sha256: str = "") -> str:
        """Stores bytes and returns their sha256."""
        incoming = self.receive()
        try:
            incoming.write(data)
            return self.keep(incoming, expected_sha256)
        except BaseException:
            incoming.abort()
            raise

    def put_file(self, source: BinaryIO, length: int) -> tuple[str, int]:
        """Stores the next `length` bytes of an open file and returns their sha256 and number."""
        incoming = self.receive()
        try:
            while chunk := source.read(min(_COPY_BYTES, length - incoming.size_bytes)):
                incoming.write(chunk)
            return self.keep(incoming), incoming.size_bytes
        except BaseException:
            incoming.abort()
            raise

    def join_parts(self, blob_id: str, parts: int, expected_sha256: str) -> tuple[str, int]:
        """Makes one content of the parts received, in order; returns its sha256 and size.

        Raises InvalidError where one is missing or the whole is not what was announced.
        """
        paths = [self.part(blob_id, number) for number in range(1, parts + 1)]
        for number, path in enumerate(paths, 1):
            if not path.exists():
                raise InvalidError(
                    f"Part {number} of {parts} of blob {blob_id} has not arrived. Upload the file again."
                )
        incoming = self.receive()
        try:
            for path in paths:
                with path.open("rb") as part:
                    while chunk := part.read(_COPY_BYTES):
                        incoming.write(chunk)
            size = incoming.size_bytes
            sha256 = self.keep(incoming, expected_sha256)
        except BaseException:
            incoming.abort()
            raise
        self.drop_parts(blob_id)
        return sha256, size

    def drop_parts(self, blob_id: str) -> None:
        """Removes the parts that a multipart upload left."""
        for path in self._incoming.glob(f"{blob_id}.*"):
            path.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Space left for this user on the store's file system."""
        stat = os.statvfs(self._root)
        return stat.f_bavail * stat.f_frsize

    def unused(self, unused_s: float) -> list[str]:
        """Content (sha256) that no mount tree links and nobody used for `unused_s` seconds."""
        limit = time.time() - unused_s
        return [path.name for path in self._files() if _is_unused(path, limit)]

    def delete_unused(self, sha256: str, unused_s: float) -> bool:
        """Deletes content unless it was used meanwhile; whether it did."""
        path = self.path(sha256)
        if not _is_unused(path, time.time() - unused_s):
            return False
        path.unlink(missing_ok=True)
        return True

    def _files(self) -> Iterator[Path]:
        for folder in self._root.iterdir():
            if len(folder.name) == 2:
                yield from folder.iterdir()


def _is_unused(path: Path, limit: float) -> bool:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    return stat.st_nlink == 1 and stat.st_mtime < limit
