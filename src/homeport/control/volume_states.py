"""The committed states of volumes: stacks of delta folders, and one row that names the current stack.

A commit is a rename and a row, so it is there or not. Who commits what is others' matter:
`control/volume_files.py` for clients, `control/volume_mounts.py` for containers; names are
`control/volumes.py`'s.
"""

import asyncio
import json
import logging
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from homeport.model.errors import NotFoundError
from homeport.model.home import Home
from homeport.store.database import Database
from homeport.store.deltas import Delta
from homeport.store.merge import merge
from homeport.store.overlay import Overlay
from homeport.store.removal import remove_tree

logger = logging.getLogger(__name__)

MAX_STACK = 16  # an overlay's options hold 4 KiB, and every lookup goes through the whole stack
_JOIN_FROM = 4  # what a later commit replaced takes room until it is joined away
_OLD_DELTA_S = 900.0  # how long links to blocks of replaced deltas stay good


@dataclass(frozen=True)
class Volume:
    """A volume's row. `stack` names its delta folders, topmost first."""

    volume_id: str
    folder: int
    environment: str
    name: str
    version: int
    stack: tuple[int, ...]
    linked_path: Path | None
    is_writable: bool
    created_at: float

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"Volume {self.name!r}" if self.name else f"Volume {self.volume_id}"

    def lacks(self, path: str) -> NotFoundError:
        """The error to raise where there is no such path in it."""
        hint = f" To list what there is: modal volume ls {self.name}" if self.name else ""
        return NotFoundError(f"There is no {path!r} in {self.label}.{hint}")


class VolumeStates:
    """Moves volumes' committed states forward and keeps their folders in order."""

    def __init__(self, database: Database, home: Home, owner_uid: int | None) -> None:
        self._db = database
        self.root = home.volumes
        self.owner_uid = owner_uid
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._compactions: dict[str, asyncio.Task[None]] = {}
        self._read_at: dict[str, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self.empty = self.root / "e"  # the lowest layer of every volume
        self.make_folder(self.empty)
        self._sweep_folders()

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._compactions.values(), return_exceptions=True)

    def get(self, volume_id: str) -> Volume:
        """Raises NotFoundError."""
        row = self._db.one("volume_by_id", volume_id=volume_id)
        if row is None:
            raise NotFoundError(
                f"Volume {volume_id} does not exist (any more). Create one with: modal volume create NAME"
            )
        return volume_of(row)

    def folder(self, volume: Volume) -> Path:
        """Where a volume's deltas and what is being uploaded to it lie."""
        return self.root / str(volume.folder)

    def layers(self, volume: Volume, stack: Collection[int] | None = None) -> tuple[Path, ...]:
        """The folders of a state, topmost first, always with an empty one at the bottom."""
        folder = self.folder(volume)
        numbers = volume.stack if stack is None else stack
        return (*(folder / str(number) for number in numbers), self.empty)

    def view(self, volume: Volume) -> Overlay:
        """The committed state, or the linked folder."""
        return Overlay([volume.linked_path] if volume.linked_path else self.layers(volume))

    async def commit(
        self,
        volume_id: str,
        build: Callable[[Delta], None],
        *,
        record: Callable[[], None] = lambda: None,
        may_be_deleted: bool = False,
    ) -> bool:
        """Adds one delta to a volume; whether there was anything to add.

        `build` fills it in a thread, one at a time for each volume. `record` runs in the transaction that
        makes the delta part of the volume. Raises NotFoundError, unless `may_be_deleted`, and what `build`
        raises; the volume is unchanged then.
        """
        async with self._locks[volume_id]:
            if may_be_deleted and self._db.one("volume_by_id", volume_id=volume_id) is None:
                return False
            volume = self.get(volume_id)
            number = self._db.run("add_delta", volume_id=volume_id).lastrowid
            assert number is not None
            finished = self.folder(volume) / str(number)
            making = finished.with_name(f"tmp-{number}")
            try:
                entries = await asyncio.to_thread(self._build, making, volume, build)
                if entries:
                    making.rename(finished)
            except BaseException:
                self._db.run("delete_delta", number=number)
                await asyncio.to_thread(remove_tree, making)
                raise
            with self._db.transaction():
                if entries:
                    self._set_stack(volume, (number, *volume.stack))
                    self._db.run("set_delta_entries", number=number, entries=entries)
                else:
                    self._db.run("delete_delta", number=number)
                record()
            if not entries:
                await asyncio.to_thread(remove_tree, making)
        if entries and self._joinable(self.get(volume_id)):
            self._compact_soon(volume_id)
        return bool(entries)

    def _build(self, making: Path, volume: Volume, build: Callable[[Delta], None]) -> int:
        delta = Delta(making, self.view(volume), self.owner_uid)
        build(delta)
        return delta.entries

    def _set_stack(self, volume: Volume, stack: tuple[int, ...]) -> None:
        self._db.run("set_volume_stack", volume_id=volume.volume_id, stack=json.dumps(stack))

    # Compaction

    def _compact_soon(self, volume_id: str) -> None:
        if volume_id in self._compactions:
            return

        def ended(_: "asyncio.Task[None]") -> None:
            self._compactions.pop(volume_id, None)
            since_read = time.monotonic() - self._read_at.get(volume_id, -_OLD_DELTA_S)
            self._later(max(0.0, _OLD_DELTA_S - since_read), lambda: self.forget_unused(volume_id))

        task = asyncio.get_running_loop().create_task(self._compact(volume_id), name=f"compact {volume_id}")
        self._compactions[volume_id] = task
        task.add_done_callback(ended)

    def _joinable(self, volume: Volume) -> tuple[int, ...]:
        rows = self._db.all("deltas_of_volume", volume_id=volume.volume_id)
        return _joinable(volume.stack, {row["number"]: row["entries"] for row in rows})

    def note_read(self, volume_id: str) -> None:
        """Links to the volume's blocks were handed out: for a while, no delta is deleted."""
        self._read_at[volume_id] = time.monotonic()

    async def _compact(self, volume_id: str) -> None:
        """Joins the upper deltas into one; the lowest ones too once they are no longer much larger."""
        try:
            volume = self.get(volume_id)
            joined = self._joinable(volume)
            if not joined:
                return
            rest = volume.stack[len(joined) :]
            number = self._db.run("add_delta", volume_id=volume_id).lastrowid
            assert number is not None
            folders = [str(self.folder(volume) / str(n)) for n in joined]
            making = self.folder(volume) / f"tmp-{number}"

            def build() -> int:
                delta = Delta(making, Overlay(self.layers(volume, rest)), self.owner_uid)
                merge(folders, delta, is_whole=not rest)
                return delta.entries

            entries = await asyncio.to_thread(build)
            making.rename(self.folder(volume) / str(number))
            async with self._locks[volume_id]:
                now = self.get(volume_id)
                above = now.stack[: len(now.stack) - len(volume.stack)]
                assert now.stack == above + volume.stack, "deltas are only added on top"
                with self._db.transaction():
                    self._set_stack(now, (*above, number, *rest))
                    self._db.run("set_delta_entries", number=number, entries=entries)
        except NotFoundError:
            return  # deleted meanwhile, folder and all
        except OSError:
            logger.exception("compaction of %s failed; its stack stays long", volume_id)

    def forget_unused(self, volume_id: str) -> None:
        """Deletes deltas that neither the volume nor a container's mount names any more."""
        row = self._db.one("volume_by_id", volume_id=volume_id)
        if row is None or volume_id in self._compactions or self._locks[volume_id].locked():
            return
        volume = volume_of(row)
        used = self._used(volume)
        for delta in self._db.all("deltas_of_volume", volume_id=volume_id):
            if delta["number"] not in used:
                self._db.run("delete_delta", number=delta["number"])
                self._in_background(self.folder(volume) / str(delta["number"]))

    def _in_background(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, remove_tree, folder)

    def _later(self, delay_s: float, do: Callable[[], None]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            do()

        timer = asyncio.get_running_loop().call_later(delay_s, run)
        self._timers.add(timer)

    # Folders

    async def forget(self, volume: Volume) -> None:
        """Deletes a volume's row, and its files unless a container still has them mounted."""
        async with self._locks[volume.volume_id]:
            self._db.run("delete_volume", volume_id=volume.volume_id)
        self._locks.pop(volume.volume_id, None)
        await self.remove_if_forgotten(volume.volume_id, volume.folder)

    async def remove_if_forgotten(self, volume_id: str, folder: int) -> None:
        """Removes the files of a volume that has been deleted, once no container mounts it any more."""
        if self._db.one("volume_by_id", volume_id=volume_id) is not None:
            return
        if not self._db.all("attachments_of_volume", volume_id=volume_id):
            self._db.run("delete_deltas_of_volume", volume_id=volume_id)
            await asyncio.to_thread(remove_tree, self.root / str(folder))

    def make_folder(self, folder: Path) -> None:
        """Makes a folder that belongs to the containers' user."""
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        if self.owner_uid is not None:
            os.chown(folder, self.owner_uid, self.owner_uid)

    def _sweep_folders(self) -> None:
        """Removes what a killed engine left: half deltas, uploads, deltas that no row names."""
        attachments = self._db.all("all_attachments")
        volumes = [volume_of(row) for row in self._db.all("all_volumes")]
        known = {"e", "u"} | {str(volume.folder) for volume in volumes}
        known |= {str(row["folder"]) for row in attachments}
        for folder in self.root.iterdir():
            if folder.name not in known:
                remove_tree(folder)
        for volume in volumes:
            used = self._used(volume)
            for delta in self._db.all("deltas_of_volume", volume_id=volume.volume_id):
                if delta["number"] not in used:
                    self._db.run("delete_delta", number=delta["number"])
            self.make_folder(self.folder(volume))
            for entry in self.folder(volume).iterdir():
                if not (entry.name.isdecimal() and int(entry.name) in used):
                    remove_tree(entry)

    def _used(self, volume: Volume) -> set[int]:
        used = set(volume.stack)
        for attachment in self._db.all("attachments_of_volume", volume_id=volume.volume_id):
            used.update(json.loads(attachment["stack"]))
        return used


def _joinable(stack: tuple[int, ...], sizes: dict[int, int]) -> tuple[int, ...]:
    """The upper part of a stack that is worth joining now; empty where none is.

    Up to the first delta much larger than all above it, so that a large volume is not gone through for a few
    files: each file is joined a few times at most while a volume grows.
    """
    total, count = 0, 0
    for number in stack:
        size = sizes.get(number, 0)
        if count >= 2 and size > 4 * (total + 1):
            break
        total += size
        count += 1
    if len(stack) > MAX_STACK:
        return stack
    return stack[:count] if count >= _JOIN_FROM else ()


def volume_of(row: sqlite3.Row) -> Volume:
    """A volume from its row."""
    return Volume(
        row["volume_id"],
        row["folder"],
        row["environment"],
        row["name"] or "",
        row["version"],
        tuple(json.loads(row["stack"])),
        Path(row["linked_path"]) if row["linked_path"] else None,
        bool(row["is_writable"]),
        row["created_at"],
    )
