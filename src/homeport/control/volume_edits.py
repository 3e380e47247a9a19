"""Changes that clients make to a volume: files put, copied and removed, all of a request or none of it.

For a linked folder the changes are made in place, if it was linked as writable. Receiving the content of
files is `control/volume_uploads.py`'s matter.
"""

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from homeport.control.volume_states import Volume, VolumeStates
from homeport.model.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidError,
)
from homeport.model.volume_paths import split_volume_path
from homeport.store.deltas import Delta
from homeport.store.linked import LinkedFolder
from homeport.store.overlay import Entry, Overlay

Parts = tuple[str, ...]
Target = Delta | LinkedFolder


@dataclass(frozen=True)
class NewFile:
    """A file to be put: its place, its permission bits, and where its content lies.

    `is_staged`: the content was received for this file alone and is moved, not copied.
    """

    parts: Parts
    mode: int
    content: Path
    is_staged: bool


class VolumeEdits:
    """Puts, copies and removes files of volumes."""

    def __init__(self, states: VolumeStates) -> None:
        self._states = states

    async def put(self, volume_id: str, files: Sequence[NewFile], *, overwrite: bool) -> None:
        """Adds files, all or none. Raises AlreadyExistsError, InvalidError, NotFoundError."""
        places = [file.parts for file in files]

        def build(target: Target, view: Overlay) -> None:
            check_places(view, places, overwrite=overwrite)
            for file in {file.parts: file for file in files}.values():
                if file.is_staged:
                    target.take_file(file.content, file.parts, file.mode)
                    continue
                source = os.open(file.content, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    target.copy_file(source, file.parts, os.fstat(source), file.mode)
                finally:
                    os.close(source)

        await self._change(volume_id, build)

    async def copy(
        self, volume_id: str, sources: Sequence[str], destination: str, *, recursive: bool
    ) -> None:
        """As `cp` does. Raises NotFoundError, InvalidError."""
        volume = self._states.get(volume_id)

        def build(target: Target, view: Overlay) -> None:
            copies = _plan_copies(volume, view, sources, destination, recursive=recursive)
            for entry, parts in copies:
                _copy(target, view, entry, parts)

        await self._change(volume_id, build)

    async def remove(self, volume_id: str, path: str, *, recursive: bool) -> None:
        """Removes a file, or a folder with `recursive`. Raises NotFoundError, InvalidError."""
        parts = split_volume_path(path)
        volume = self._states.get(volume_id)

        def build(target: Target, view: Overlay) -> None:
            entry = view.lookup(parts)
            if entry is None:
                raise volume.lacks(path)
            if entry.is_folder and not recursive:
                raise InvalidError(
                    f"{path!r} is a folder. Remove it with all that it holds with -r (recursive=True)."
                )
            for found in [entry] if parts else list(view.children(entry)):
                target.delete(found.parts)

        await self._change(volume_id, build)

    def writable(self, volume_id: str) -> Volume:
        """Raises FailedPreconditionError where the volume is a folder linked read-only, and NotFoundError."""
        volume = self._states.get(volume_id)
        if not volume.is_writable:
            raise FailedPreconditionError(
                f"{volume.label} is the folder {volume.linked_path}, linked read-only. Link it again with: "
                f"homeport volume link {volume.name} {volume.linked_path} --writable"
            )
        return volume

    async def _change(self, volume_id: str, build: Callable[[Target, Overlay], None]) -> None:
        volume = self.writable(volume_id)
        if volume.linked_path is None:
            await self._states.commit(volume_id, lambda delta: build(delta, delta.below))
            return
        folder = LinkedFolder(volume.linked_path)
        try:
            await asyncio.to_thread(build, folder, self._states.view(volume))
        except OSError as error:
            raise FailedPreconditionError(
                f"{volume.label} (the folder {volume.linked_path}) could not be changed: {error}."
            ) from None


def check_places(view: Overlay, places: Sequence[Parts], *, overwrite: bool) -> None:
    """Raises AlreadyExistsError or InvalidError where files cannot be put at these places."""
    files = set(places)
    folders: set[Parts] = set()
    for parts in places:
        if not parts:
            raise InvalidError("A file cannot be put at the top of a volume itself. Name the file.")
        for end in range(1, len(parts)):
            above = parts[:end]
            if above in folders:
                continue
            if above in files:
                raise InvalidError(f"{'/'.join(above)!r} is a file and a folder in the same upload.")
            entry = view.lookup(above)
            if entry is not None and not entry.is_folder:
                kind = "a symbolic link, which uploads do not follow" if entry.is_link else "a file"
                raise InvalidError(
                    f"{'/'.join(parts)!r} cannot be put: {entry.path!r} is {kind}, not a folder."
                )
            folders.add(above)
        entry = view.lookup(parts)
        if entry is not None and entry.is_folder:
            raise AlreadyExistsError(
                f"{entry.path!r} is a folder of the volume; a file cannot take its place."
            )
        if entry is not None and not overwrite:
            raise AlreadyExistsError(
                f"{entry.path!r} exists already in the volume. Overwrite it with --force "
                "(batch_upload(force=True))."
            )


def _plan_copies(
    volume: Volume, view: Overlay, sources: Sequence[str], destination: str, *, recursive: bool
) -> list[tuple[Entry, Parts]]:
    """Each entry to copy and where to, folders first. Raises NotFoundError, InvalidError."""
    into = split_volume_path(destination)
    found = view.find(into, follow=True)
    is_folder = found is not None and found.is_folder
    if is_folder and found is not None:
        into = found.parts
    elif found is not None and (len(sources) > 1 or destination.endswith("/")):
        raise InvalidError(f"{destination!r} is not a folder of the volume.")
    elif len(sources) > 1 and not destination.endswith("/"):
        raise InvalidError(
            f"{destination!r} is not a folder of the volume; several files can only be copied into one."
        )
    is_folder = is_folder or destination.endswith("/")
    copies: list[tuple[Entry, Parts]] = []
    for source in sources:
        entry = view.find(split_volume_path(source), follow=True)
        if entry is None:
            raise volume.lacks(source)
        if entry.is_folder and not recursive:
            raise InvalidError(
                f"{source!r} is a folder. Copy it with all that it holds with -r (recursive=True)."
            )
        if is_folder and not entry.parts:
            raise InvalidError("A volume cannot be copied into itself.")
        target = (*into, split_volume_path(source)[-1]) if is_folder else into
        if entry.is_folder and target[: len(entry.parts)] == entry.parts:
            raise InvalidError(f"{source!r} cannot be copied into itself ({'/'.join(target)!r}).")
        copies.append((entry, target))
        if entry.is_folder:
            copies.extend((below, target + below.parts[len(entry.parts) :]) for below in view.walk(entry))
    for entry, target in copies:
        _check_copy(view, entry, target)
    return copies


def _check_copy(view: Overlay, entry: Entry, target: Parts) -> None:
    there = view.lookup(target)
    if entry.is_folder:
        if there is not None and not there.is_folder:
            raise InvalidError(
                f"{there.path!r} is not a folder; the folder {entry.path!r} cannot be copied over it."
            )
        return
    if target == entry.parts:
        raise InvalidError(f"{entry.path!r} cannot be copied onto itself.")
    check_places(view, [target], overwrite=True)


def _copy(target: Target, view: Overlay, entry: Entry, parts: Parts) -> None:
    mode = stat.S_IMODE(entry.stat.st_mode)
    if entry.is_folder:
        target.add_folder(parts, mode)
    elif entry.is_link:
        target.add_link(view.link_target(entry), parts)
    elif entry.is_file:
        source = view.open(entry)
        try:
            target.copy_file(source, parts, os.fstat(source), mode)
        finally:
            os.close(source)
