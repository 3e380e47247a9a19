"""What clients read of a volume: listings, and links to a file's blocks.

A link names the very file on disk that was there when it was made, so a download is of one state, whatever is
committed meanwhile. `web/volumes.py` sends the bytes.
"""

import asyncio
import base64
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

from homeport.control.links import DOWNLOAD_S, Links
from homeport.control.volume_states import Volume, VolumeStates
from homeport.model.errors import InvalidError, NotFoundError
from homeport.model.volume_paths import split_volume_path
from homeport.store import beneath
from homeport.store.overlay import Entry, Overlay

BLOCK_BYTES = 8 << 20  # the client's, in all that it computes
_BATCH = 500
_LINKED = "linked"  # in place of a delta's number


@dataclass(frozen=True)
class Reading:
    """A range of a file and links to its blocks, each within one 8 MiB block of the file."""

    urls: list[str]
    size: int
    start: int
    length: int


class VolumeReads:
    """Lists volumes' files and hands out their content."""

    def __init__(self, states: VolumeStates, links: Links) -> None:
        self._states = states
        self._links = links

    async def list(
        self, volume_id: str, path: str, *, recursive: bool, limit: int | None
    ) -> AsyncIterator[list[Entry]]:
        """Batches of what a folder holds, or the one file. Raises NotFoundError, InvalidError."""
        volume = self._states.get(volume_id)
        view = self._states.view(volume)
        entry = await asyncio.to_thread(_existing, volume, view, path, follow=True)
        shown = split_volume_path(path)
        below = len(entry.parts)
        entries = (
            # what a link leads to is shown under the path that was asked for
            found if found.parts[:below] == shown else replace(found, parts=shown + found.parts[below:])
            for found in _listing(view, entry, recursive=recursive)
        )
        left = limit if limit is not None else -1
        while left:
            size = min(_BATCH, left) if left > 0 else _BATCH
            batch = await asyncio.to_thread(_take, entries, size)
            if not batch:
                return
            left = max(0, left - len(batch)) if left > 0 else left
            yield batch

    async def links(self, volume_id: str, path: str, start: int, length: int) -> Reading:
        """Links to `length` bytes of a file from `start`; 0 means to the end. Raises NotFoundError,
        InvalidError.
        """
        volume = self._states.get(volume_id)
        _, entry = await self._file(volume, path)
        self._states.note_read(volume_id)
        size = entry.stat.st_size
        start = min(start, size)
        end = min(start + length, size) if length else size
        layer = _LINKED if volume.linked_path else str(volume.stack[entry.layer])
        prefix = f"/blocks/{volume_id}/{layer}/{entry.stat.st_ino}"
        name = base64.urlsafe_b64encode(os.fsencode(entry.path)).decode()  # any byte may be in a file's name
        urls = []
        position = start
        while position < end:
            block_end = min(end, (position // BLOCK_BYTES + 1) * BLOCK_BYTES)
            address = f"{prefix}/{position}/{block_end - position}/{name}"
            urls.append(self._links.sign("GET", address, DOWNLOAD_S))
            position = block_end
        return Reading(urls, size, start, end - start)

    async def read(self, volume_id: str, path: str) -> tuple[int, os.stat_result]:
        """An open descriptor of a file, the caller's to close. Raises NotFoundError, InvalidError."""
        view, entry = await self._file(self._states.get(volume_id), path)
        return view.open(entry), entry.stat

    def open_block(self, volume_id: str, layer: str, inode: int, name: str) -> int:
        """The file that a link was made for. Raises NotFoundError where it is not there any more."""
        path = os.fsdecode(base64.urlsafe_b64decode(name))
        volume = self._states.get(volume_id)
        parts = split_volume_path(path)
        roots = [volume.linked_path or self._states.folder(volume) / layer]
        if volume.linked_path is None:  # a compaction may have moved the file to another delta
            entry = self._states.view(volume).lookup(parts)
            if entry is not None and entry.layer < len(volume.stack):
                roots.append(self._states.folder(volume) / str(volume.stack[entry.layer]))
        for root in roots:
            try:
                fd = beneath.open_file(root, parts)
            except OSError:
                continue
            if os.fstat(fd).st_ino == inode:
                return fd
            os.close(fd)
        raise NotFoundError(
            f"{path!r} was replaced or removed while it was downloaded. Start the download again."
        )

    async def _file(self, volume: Volume, path: str) -> tuple[Overlay, Entry]:
        view = self._states.view(volume)
        entry = await asyncio.to_thread(_existing, volume, view, path, follow=True)
        if not stat.S_ISREG(entry.stat.st_mode):
            kind = "a folder" if entry.is_folder else "no regular file"
            raise InvalidError(f"{path!r} in {volume.label} is {kind}, and cannot be read as a file.")
        return view, entry


def _existing(volume: Volume, view: Overlay, path: str, *, follow: bool = False) -> Entry:
    entry = view.find(split_volume_path(path), follow=follow)
    if entry is None:
        raise volume.lacks(path)
    return entry


def _listing(view: Overlay, entry: Entry, *, recursive: bool) -> Iterator[Entry]:
    if not entry.is_folder:
        return iter([entry])
    return view.walk(entry) if recursive else view.children(entry)


def _take(entries: Iterator[Entry], count: int) -> list[Entry]:
    return [entry for _, entry in zip(range(count), entries, strict=False)]
