"""The cache of decoded pictures: memory-mapped shards of uint8, N x 3 x S x S, named after what is in them.

A shard's name is a digest of its pictures' digests, their size and the code's version, so a file of that name
is the right one or a damaged one, which its own digest tells. A picture's shard follows from its digest: one
new picture makes one shard anew. Shards appear whole, by a rename; of two processes one builds, one waits.
"""

import errno
import fcntl
import hashlib
import shutil
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiny_cats.data.decode import PictureError, open_picture
from tiny_cats.data.threads import in_threads
from tiny_cats.errors import DataError
from training_kit.files import try_lock, whole

VERSION = 4  # of what decode makes of a picture; another number builds everything anew
PICTURES = 256  # of a shard, about
STALE_S = 3600.0  # no shard takes that long
RESERVE_BYTES = 64 * 2**20  # of the disk, left for others
_HEAD = struct.Struct("<8sII32s")  # magic, pictures, side, digest of the pixels
MAGIC = b"catshard"

UInt8 = NDArray[np.uint8]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A shard as it has to be: which pictures, by digest, in order."""

    path: Path
    size: int
    digests: tuple[str, ...]

    @property
    def pixel_bytes(self) -> int:
        return len(self.digests) * self.size * self.size * 3


class Store:
    """Pictures by digest, from mapped shards."""

    def __init__(self, shards: Sequence[Wanted], size: int) -> None:
        self.size = size
        self._pixels = [_map(shard) for shard in shards]
        self._at = {
            digest: (number, row)
            for number, shard in enumerate(shards)
            for row, digest in enumerate(shard.digests)
        }

    def places(self, digests: Sequence[str]) -> NDArray[np.int64]:
        """(n, 2): the shard and the row of each picture, for `read`."""
        return np.array([self._at[digest] for digest in digests], np.int64).reshape(-1, 2)

    def read(self, places: NDArray[np.int64]) -> UInt8:
        """The pictures at these places, (B, 3, S, S)."""
        x_BCHW = np.empty((len(places), 3, self.size, self.size), np.uint8)
        for x_CHW, (shard, row) in zip(x_BCHW, places.tolist(), strict=True):
            x_CHW[:] = self._pixels[shard][row]
        return x_BCHW


def open_store(
    files: Mapping[str, Path],
    size: int,
    folder: Path,
    *,
    say: Say,
    threads: int = 0,
    announce: Callable[[int, int], None] = lambda done, of: None,
) -> Store:
    """The pictures of `files` (by digest) at `size` pixels; builds what misses or is damaged. DataError."""
    shards = plan_shards(sorted(files), size, folder)
    with _sole_builder(folder, say):
        missing = [shard for shard in shards if not _is_sound(shard, say)]
        if missing:
            _check_disk(missing, folder)
            _build(missing, files, threads, announce)
    return Store(shards, size)


def plan_shards(digests: Sequence[str], size: int, folder: Path) -> list[Wanted]:
    """How pictures are divided among shards: by the first bits of their digests."""
    count = 1
    while count * PICTURES < len(digests):
        count *= 2
    members: dict[int, list[str]] = {}
    for digest in sorted(digests):
        members.setdefault(int(digest[:8], 16) * count >> 32, []).append(digest)
    return [_wanted(tuple(of_shard), size, folder) for of_shard in members.values()]


def _wanted(digests: tuple[str, ...], size: int, folder: Path) -> Wanted:
    key = hashlib.sha256(f"{VERSION} {size} {' '.join(digests)}".encode()).hexdigest()[:16]
    return Wanted(folder / f"pictures-{size}-{key}.u8", size, digests)


def _map(shard: Wanted) -> UInt8:
    shape = (len(shard.digests), 3, shard.size, shard.size)
    try:
        return np.memmap(shard.path, np.uint8, "r", _HEAD.size, shape)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{shard.path} of the cache cannot be read ({error}): run the command again"
        ) from None


def _is_sound(shard: Wanted, say: Say) -> bool:
    """Whether the shard is there and whole; says so where it is damaged."""
    try:
        with shard.path.open("rb") as file:
            magic, count, side, digest = _HEAD.unpack(file.read(_HEAD.size))
            is_right = (magic, count, side) == (MAGIC, len(shard.digests), shard.size)
            if is_right and hashlib.file_digest(file, "sha256").digest() == digest:
                return True
    except FileNotFoundError:
        return False
    except (OSError, struct.error):
        pass
    say(f"{shard.path.name} of the cache is damaged: building it again")
    return False


@contextmanager
def _sole_builder(folder: Path, say: Say) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".building").open("w")
    except OSError as error:
        raise _disk_error(error, folder) from None
    with lock:
        if not try_lock(lock):
            say(f"another process builds the cache in {folder}: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    """Removes what killed builders left; not what is new, since some file systems' locks hold nobody back."""
    for part in folder.glob(".pictures-*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE_S:
                part.unlink()


def _check_disk(missing: Sequence[Wanted], folder: Path) -> None:
    needed = sum(shard.pixel_bytes for shard in missing)
    free = shutil.disk_usage(folder).free
    if needed + RESERVE_BYTES > free:
        need, kept, has = (f"{size / 1e6:,.1f} MB" for size in (needed, RESERVE_BYTES, free))
        raise DataError(
            f"the cache needs {need} more, {kept} are left to others, and the disk of {folder} has {has}: "
            "make room, or name another folder by data.cache"
        )


def _build(
    missing: Sequence[Wanted], files: Mapping[str, Path], threads: int, announce: Callable[[int, int], None]
) -> None:
    done, total = 0, sum(len(shard.digests) for shard in missing)
    announce(done, total)
    for built in in_threads(lambda shard: _build_shard(shard, files), missing, threads):
        done += built
        announce(done, total)


def _build_shard(shard: Wanted, files: Mapping[str, Path]) -> int:
    """Decodes a shard's pictures and writes it; returns how many. Raises DataError."""
    pixels = np.empty((len(shard.digests), 3, shard.size, shard.size), np.uint8)
    for x_CHW, digest in zip(pixels, shard.digests, strict=True):
        try:
            x_CHW[:] = open_picture(files[digest], shard.size).pixels_HWC.transpose(2, 0, 1)
        except PictureError as error:
            raise DataError(f"{error}: it changed since it was looked at; run the command again") from None
    head = _HEAD.pack(MAGIC, len(pixels), shard.size, hashlib.sha256(pixels.data).digest())
    try:
        with whole(shard.path) as file:
            file.write(head)
            file.write(pixels.data)
    except OSError as error:
        raise _disk_error(error, shard.path) from None
    return len(pixels)


def _disk_error(error: OSError, path: Path) -> DataError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DataError(
            f"the disk is full at {path}: make room and run the command again; what is built stays"
        )
    return DataError(
        f"{path} cannot be written ({error.strerror or error}): name another folder by data.cache"
    )
