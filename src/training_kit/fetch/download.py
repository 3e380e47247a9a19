"""One file: its part is continued, retried, checked by its digest, and becomes the file by a rename."""

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from training_kit.errors import FetchError, FetchStopError
from training_kit.fetch import http
from training_kit.fetch.http import PassingError, RangeError
from training_kit.fetch.journal import Checked, Journal, Remote

CHUNK_BYTES = 1 << 18
ATTEMPTS = 6  # in a row without a byte of progress
LONGEST_PAUSE_S = 60.0


T = TypeVar("T")


class Stopped(Exception):  # noqa: N818 (no error: Ctrl-C, or another file's final failure)
    """The download was asked to stop; its part stays."""


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Download:
    """What every file of a fetch shares. `got` hears bytes that came (negative: thrown away)."""

    address: str
    folder: Path
    journal: Journal
    stop: threading.Event
    got: Callable[[int], None]
    say: Callable[[str], None]
    pause_s: float = 1.0  # before the second attempt; doubles

    def fetch(self, path: str, wanted: str) -> int:
        """Downloads one file, of the digest `wanted`; returns its size. Raises FetchError, or Stopped."""
        target = self.folder / path
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for is_last in (False, True):
                digest = self._complete(path, part, wanted)
                if digest == wanted:
                    return self._keep(path, part, target, wanted)
                self.got(-part.stat().st_size)
                part.write_bytes(b"")
                if not is_last:
                    self.say(f"{path}: its digest is wrong, fetching it again")
        except OSError as error:
            raise disk_error(error, target) from None
        raise FetchError(
            f"{path}: came twice with the digest {digest[:12]}…, where {wanted[:12]}… is known: "
            "the server's copy is damaged; try again later, or another mirror by --from URL"
        )

    def remote(self, path: str) -> Remote:
        """The file's size and validator, asked for once and then taken from the journal."""
        if path not in self.journal.remotes:
            url = http.url_of(self.address, path)
            self.journal.note_remote(path, self._attempts(lambda: http.head(url), lambda: 0))
        return self.journal.remotes[path]

    def _complete(self, path: str, part: Path, wanted: str) -> str:
        """Brings the part to its full size; returns its digest."""
        self.remote(path)
        if part.exists() and part.stat().st_size > self.journal.remotes[path].size_bytes:
            self.got(-part.stat().st_size)
            part.write_bytes(b"")
        return self._attempts(lambda: self._attempt(path, part, wanted), lambda: _size(part))

    def _attempt(self, path: str, part: Path, wanted: str) -> str:
        remote = self.journal.remotes[path]
        digest, at = _hash(part, wanted, self.stop)
        if at < remote.size_bytes or at == 0:
            url = http.url_of(self.address, path)
            try:
                with http.body(url, at, remote.validator) as body, part.open("ab") as out:
                    if body.offset < at:  # the whole file came: it changed, or ranges are not known there
                        self.got(-at)
                        out.truncate(0)
                        digest, at = hash_like(wanted), 0
                    if body.size_bytes >= 0 and body.size_bytes != remote.size_bytes:
                        remote = self._resized(path, body.size_bytes)
                    at = self._copy(body, out, digest, at)
            except RangeError:  # the part is longer than the file is now
                self.got(-at)
                part.write_bytes(b"")
                raise PassingError(f"{url}: the file changed") from None
        if at < remote.size_bytes:
            raise PassingError(f"{path}: the connection was cut at {at} of {remote.size_bytes} bytes")
        return digest.hexdigest()

    def _resized(self, path: str, size_bytes: int) -> Remote:
        """The server now states another size than it did: remembers it, and forgets the old validator."""
        self.journal.note_remote(path, Remote(size_bytes, ""))
        return self.journal.remotes[path]

    def _copy(self, body: http.Body, out: BinaryIO, digest: Digest, at: int) -> int:
        while chunk := body.stream.read(CHUNK_BYTES):
            if self.stop.is_set():
                raise Stopped
            out.write(chunk)
            digest.update(chunk)
            at += len(chunk)
            self.got(len(chunk))
        return at

    def _keep(self, path: str, part: Path, target: Path, digest: str) -> int:
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
        found = target.stat()
        self.journal.note_checked(path, Checked(found.st_size, found.st_mtime_ns, digest))
        return found.st_size

    def _attempts(self, attempt: Callable[[], T], progress: Callable[[], int]) -> T:
        return attempts(attempt, progress, self.stop, self.say, self.pause_s)


def attempts(
    attempt: Callable[[], T],
    progress: Callable[[], int],
    stop: threading.Event,
    say: Callable[[str], None],
    pause_s: float,
) -> T:
    """Tries until it works; gives up after ATTEMPTS in a row of which `progress` did not grow."""
    failed, before = 0, progress()
    while True:
        if stop.is_set():
            raise Stopped
        try:
            return attempt()
        except PassingError as error:
            now = progress()
            failed, before = (1 if now > before else failed + 1), now
            if failed >= ATTEMPTS:
                raise FetchStopError(
                    f"{error}, after {failed} attempts: check the network, or name a mirror by --from URL; "
                    "the same command goes on where this one stopped"
                ) from None
            wait_s = min(LONGEST_PAUSE_S, error.after_s or pause_s * 2 ** (failed - 1))
            say(f"{error}; trying again in {wait_s:.0f} s")
            stop.wait(wait_s)


def hash_like(digest: str) -> Digest:
    """What made a digest in hexadecimal, told by its length: SHA-256, or MD5 of older sources."""
    return hashlib.md5(usedforsecurity=False) if len(digest) == 32 else hashlib.sha256()


def digest_of(path: Path, like: str, stop: threading.Event) -> str:
    return _hash(path, like, stop)[0].hexdigest()


def _hash(path: Path, like: str, stop: threading.Event) -> tuple[Digest, int]:
    """The digest of a file so far, and its size; of nothing where there is none."""
    digest, size = hash_like(like), 0
    if path.exists():
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                if stop.is_set():
                    raise Stopped
                digest.update(chunk)
                size += len(chunk)
    return digest, size


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def disk_error(error: OSError, path: Path) -> FetchError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FetchStopError(f"the disk is full at {path}: make room and repeat the command")
    return FetchStopError(f"{path} cannot be written ({error.strerror or error}): choose another folder")
