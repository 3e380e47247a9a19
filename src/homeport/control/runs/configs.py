"""The configuration files that containers opened, as they were: digest, text, and who brought them there.

What was opened is told by the notes of the container's processes; what lay there is read soon after, in a
thread, through the container's own stack of folders and never through a link out of it. The values of keys
that look like secrets are left out of the text.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from homeport.control.runs.folders import write_whole
from homeport.model.errors import HomeportError
from homeport.model.home import Home
from homeport.record import notes
from homeport.record.codec import read_lines
from homeport.record.masking import masked
from homeport.record.run import ConfigFile, Note
from homeport.runtime.engine import ContainerSpec
from homeport.store.overlay import Overlay

logger = logging.getLogger(__name__)

_MAX_TEXT_BYTES: Final = 64 * 1024
_MAX_READ_BYTES: Final = 64 << 20
_MAX_NOW_BYTES: Final = 1 << 20  # of a file that the engine's loop reads
_MAX_FILES: Final = 200  # of one container


class VolumeRoot(msgspec.Struct):
    path: str
    name: str
    folders: tuple[str, ...]


class Roots(msgspec.Struct):
    """`roots.json`: of what a container's file system is made, each topmost first."""

    own: str
    mounts: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    volumes: tuple[VolumeRoot, ...] = ()


def roots_of(spec: ContainerSpec, folder: Path, volume_name: Callable[[str], str]) -> Roots:
    """Before the container exists."""
    return Roots(
        own=str(folder / "upper"),
        mounts=tuple(str(tree) for tree in spec.overlays),
        image=tuple(str(layer) for layer in spec.image.layers),
        volumes=tuple(
            VolumeRoot(
                each.path,
                volume_name(each.volume_id),
                (str(each.bind),)
                if each.bind is not None
                else tuple(str(part) for part in (each.upper, *each.lowers) if part is not None),
            )
            for each in spec.volumes
        ),
    )


def write_roots(folder: Path, roots: Roots) -> None:
    write_whole(folder / "roots.json", msgspec.json.encode(roots))


@dataclass(eq=False)
class _Read:
    """How far a container's notes were read, and which files are known."""

    offset: int = 0
    known: set[str] = field(default_factory=set)


class RunConfigs:
    """Of the containers of one engine. `look` is for threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: dict[str, _Read] = {}
        self._looking = threading.Lock()

    def look(self, task_id: str) -> None:
        """Takes the files that were opened since the last look."""
        with self._looking:
            self._look(task_id)

    def _look(self, task_id: str) -> None:
        folder = self._home.tasks / task_id
        target = folder / "configs.jsonl"
        read = self._read.get(task_id)
        if read is None:
            read = self._read[task_id] = _Read(known={each.path for each in read_lines(target, ConfigFile)})
        opened = [note for note in self._opened(folder, read) if note.path not in read.known]
        if not opened:
            return
        roots = msgspec.json.decode((folder / "roots.json").read_bytes(), type=Roots)
        with target.open("ab") as file:
            for note in opened:
                if note.path in read.known or len(read.known) >= _MAX_FILES:
                    continue
                read.known.add(note.path)
                file.write(msgspec.json.encode(_config(roots, note, task_id)) + b"\n")

    def forget(self, task_id: str) -> None:
        self._read.pop(task_id, None)

    def _opened(self, folder: Path, read: _Read) -> Iterator[Note]:
        while True:
            found, end = notes.read(folder / "run" / "notes.jsonl", read.offset)
            yield from (note for note in found if note.kind == "open" and note.how == "r")
            if end == read.offset:
                return
            read.offset = end


def opened_now(home: Home, note: Note) -> ConfigFile | None:
    """A file that a container's process opened, as it lies there; None where the container is gone. Of one
    above 1 MiB only the path."""
    try:
        data = (home.tasks / note.task_id / "roots.json").read_bytes()
        return _config(msgspec.json.decode(data, type=Roots), note, note.task_id, _MAX_NOW_BYTES)
    except (OSError, msgspec.MsgspecError):
        return None


def _config(roots: Roots, note: Note, task_id: str, max_bytes: int = _MAX_READ_BYTES) -> ConfigFile:
    found = ConfigFile(path=note.path, opened=note.stack[0] if note.stack else None, task_id=task_id)
    try:
        data, by = _content(roots, note.path, max_bytes)
    except (OSError, HomeportError, ValueError):
        return found  # removed since, or a link out of the container's own folders
    return ConfigFile(
        path=found.path,
        sha256=hashlib.sha256(data).hexdigest(),
        text=_text(data),
        opened=found.opened,
        task_id=task_id,
        brought_by=by,
    )


def _content(roots: Roots, path: str, max_bytes: int) -> tuple[bytes, str]:
    place = PurePosixPath(path)
    holders = [each for each in roots.volumes if place.is_relative_to(each.path)]
    if holders:
        volume = max(holders, key=lambda each: len(each.path))
        parts = place.relative_to(volume.path).parts
        return _read(Overlay([Path(each) for each in volume.folders]), parts, max_bytes)[
            0
        ], f"volume {volume.name}"
    own = [roots.own] if Path(roots.own).is_dir() else []
    overlay = Overlay([Path(each) for each in (*own, *roots.mounts, *roots.image)])
    data, layer = _read(overlay, place.relative_to("/").parts, max_bytes)
    layer -= len(own)
    return data, "the container itself" if layer < 0 else "mount" if layer < len(roots.mounts) else "image"


def _read(overlay: Overlay, parts: tuple[str, ...], max_bytes: int) -> tuple[bytes, int]:
    entry = overlay.find(parts, follow=True)
    if entry is None or not entry.is_file or entry.stat.st_size > max_bytes:
        raise FileNotFoundError("/".join(parts))
    with os.fdopen(overlay.open(entry), "rb") as file:
        return file.read(max_bytes), entry.layer


def _text(data: bytes) -> str:
    """Without what is no text, and cut."""
    try:
        return masked(
            data[:_MAX_TEXT_BYTES].decode(errors="strict" if len(data) <= _MAX_TEXT_BYTES else "ignore")
        )
    except UnicodeDecodeError:
        return ""
