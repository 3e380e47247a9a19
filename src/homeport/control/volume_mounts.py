"""Volumes as containers have them mounted: pinned when the container starts, committed, reloaded, let go.

A container sees a volume as it was committed when it was mounted, under an upper folder of its own. What it
writes there is committed when it asks, every few seconds, and at its end. Rows say which mounts there are, so
they are found again after the engine was killed.
"""

import asyncio
import contextlib
import json
import logging
import os
import sqlite3
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from homeport.control.volume_states import VolumeStates
from homeport.model.errors import InvalidError, NotFoundError
from homeport.model.volume_paths import split_volume_path
from homeport.runtime.engine import VolumeAttachment
from homeport.runtime.inside.copies import FILLING
from homeport.store.capture import Capture, Snapshot, differs
from homeport.store.database import Database
from homeport.store.deltas import Delta
from homeport.store.overlay import Overlay
from homeport.store.removal import remove_tree

logger = logging.getLogger(__name__)

BACKGROUND_S = 5.0
_SCAN_SHARE = 20  # a background commit that takes long comes more rarely: at most a twentieth of the time
_HOT_S = 2.0  # a large file written so recently is still being written: the next pass takes it
_HOT_BYTES = 64 << 20
_MAX_REMOUNTS = 3
_REPLACEMENT = "replacement.json"  # beside a copy that is being replaced: by which state


class Remounter(Protocol):
    """What is needed of the runtime here; a ContainerRuntime is one."""

    copies_volumes: bool

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None: ...


@dataclass(frozen=True)
class _Mounted:
    """A row of volume_attachments."""

    number: int
    task_id: str
    volume_id: str
    folder: int
    path: str
    sub_path: str
    is_read_only: bool
    stack: tuple[int, ...]
    seen: int
    is_retired: bool


class VolumeMounts:
    """Attaches volumes to containers and brings back what they write."""

    def __init__(self, database: Database, states: VolumeStates, runtime: Remounter) -> None:
        self._db = database
        self._states = states
        self._runtime = runtime
        self._root = states.root / "u"
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)  # by attachment
        self._timer: asyncio.Task[None] | None = None
        states.make_folder(self._root)
        known = {str(row["number"]) for row in database.all("all_attachments")}
        for folder in self._root.iterdir():
            if folder.name not in known:
                remove_tree(folder)

    def open(self) -> None:
        """Goes on with background commits for the containers that an earlier engine left. Needs the event
        loop.
        """
        self._keep_committing()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)

    def tasks(self) -> set[str]:
        """Ids of tasks that have volumes attached; for those whose containers have ended, call
        release_task.
        """
        return {mounted.task_id for mounted in self._all()}

    def attach(
        self, task_id: str, volume_id: str, path: str, *, read_only: bool, sub_path: str = ""
    ) -> VolumeAttachment:
        """Makes the container's own folder and pins the committed state that it sees.

        `sub_path` shows only that folder of the volume, made if it is not there. Raises NotFoundError,
        InvalidError.
        """
        volume = self._states.get(volume_id)
        parts = split_volume_path(sub_path)
        if volume.linked_path is not None:
            return self._bind(volume.linked_path, volume_id, path, parts, read_only or not volume.is_writable)
        mounted = self._add(task_id, volume_id, path, "/".join(parts), read_only)
        try:
            attachment = self._attachment(mounted)
        except BaseException:
            self._db.run("delete_attachment", number=mounted.number)
            remove_tree(self._folder(mounted.number))
            raise
        if not read_only:
            self._keep_committing()
        return attachment

    async def commit_task(self, task_id: str, volume_id: str | None = None) -> None:
        """Commits what the task wrote to one volume or to all of its volumes.

        Raises NotFoundError where the task has no such volume.
        """
        rows = self._of_task(task_id)
        if volume_id is not None:
            rows = [mounted for mounted in rows if mounted.volume_id == volume_id]
            if not rows and self._states.get(volume_id).linked_path is None:
                raise NotFoundError(
                    f"{self._states.get(volume_id).label} is not mounted in this container. Add it to the "
                    "function's volumes={...}."
                )
        for mounted in rows:
            await self._commit(mounted)

    async def reload_all(self, task_id: str) -> None:
        """As `reload`, for each volume of the task."""
        for volume_id in dict.fromkeys(mounted.volume_id for mounted in self._of_task(task_id)):
            await self.reload(task_id, volume_id)

    async def reload(self, task_id: str, volume_id: str) -> None:
        """Shows the container the newest committed state; what it wrote is committed first.

        Raises FailedPreconditionError while files are open, NotFoundError where the task has no such volume.
        """
        await self.commit_task(task_id, volume_id)
        for mounted in self._of_task(task_id):
            if mounted.volume_id == volume_id and not mounted.is_retired:
                if self._runtime.copies_volumes and not mounted.is_read_only:
                    await self._replace(mounted)
                else:
                    await self._remount(mounted)

    async def release_task(self, task_id: str) -> None:
        """Commits, then forgets the task and removes its writable folders. No error for an unknown task."""
        for mounted in self._of_task(task_id):
            try:
                await self._commit(mounted)
            except Exception:
                # the folder stays, so that nothing is lost: the next start of the engine tries again
                logger.exception("last commit of %s to %s failed", task_id, mounted.volume_id)
                continue
            await self._forget(mounted)

    # Commits

    async def _commit(self, mounted: _Mounted, *, in_background: bool = False) -> None:
        if mounted.is_read_only:
            return
        async with self._locks[mounted.number]:
            row = self._db.one("attachment_by_number", number=mounted.number)
            if row is None or (self._folder(mounted.number) / FILLING).exists():
                return
            mounted = await self._finish_replacement(_mounted(row))
            await self._commit_from(mounted, self._folder(mounted.number) / "upper", in_background)

    async def _commit_from(self, mounted: _Mounted, upper: Path, in_background: bool = False) -> None:
        """Call it with the attachment's lock held."""
        before = await asyncio.to_thread(self._snapshot, mounted)
        if in_background and not await asyncio.to_thread(differs, upper, before):
            return
        after: Snapshot = {}
        limit = time.time_ns() - int(_HOT_S * 1e9) if in_background else None

        def is_settled(found: os.stat_result) -> bool:
            return limit is None or found.st_size < _HOT_BYTES or found.st_mtime_ns < limit

        def build(delta: Delta) -> None:
            pinned = Overlay(self._lowers(mounted))
            prefix = split_volume_path(mounted.sub_path)
            capture = Capture(delta, pinned, before, prefix, is_settled)
            after.update(capture.run(upper))
            if after != before:
                self._write_snapshot(mounted, after)

        def record() -> None:
            if after != before:
                self._db.run("set_attachment_seen", number=mounted.number, seen=mounted.seen + 1)

        await self._states.commit(mounted.volume_id, build, record=record, may_be_deleted=True)
        if after != before:
            self._snapshot_path(mounted.number, mounted.seen).unlink(missing_ok=True)

    def _snapshot(self, mounted: _Mounted) -> Snapshot:
        try:
            snapshot: Snapshot = json.loads(self._snapshot_path(mounted.number, mounted.seen).read_bytes())
        except FileNotFoundError:
            return {}
        return snapshot

    def _write_snapshot(self, mounted: _Mounted, snapshot: Snapshot) -> None:
        path = self._snapshot_path(mounted.number, mounted.seen + 1)
        path.write_text(
            json.dumps(snapshot, separators=(",", ":")), encoding="utf-8", errors="surrogateescape"
        )

    def _snapshot_path(self, number: int, seen: int) -> Path:
        return self._folder(number) / f"seen-{seen}.json"

    # Background

    def _keep_committing(self) -> None:
        """Has a timer run while there is a writable mount; an engine without one has none."""
        if self._timer is None or self._timer.done():
            self._timer = asyncio.get_running_loop().create_task(self._commit_often(), name="volume commits")

    async def _commit_often(self) -> None:
        pause = BACKGROUND_S
        while rows := [m for m in self._all() if not m.is_read_only]:
            await asyncio.sleep(pause)
            started = time.monotonic()
            for mounted in rows:
                try:
                    await self._commit(mounted, in_background=True)
                except Exception:
                    logger.exception(
                        "background commit of %s to %s failed", mounted.task_id, mounted.volume_id
                    )
            pause = max(BACKGROUND_S, (time.monotonic() - started) * _SCAN_SHARE)

    # Remounts

    async def _remount(self, mounted: _Mounted) -> None:
        for _ in range(_MAX_REMOUNTS):
            fresh = self._add(
                mounted.task_id, mounted.volume_id, mounted.path, mounted.sub_path, mounted.is_read_only
            )
            try:
                await self._runtime.remount(mounted.task_id, self._attachment(fresh))
            except BaseException:
                await self._forget(fresh)
                raise
            self._db.run("retire_attachment", number=mounted.number)
            # written between the commit and the remount: rare, and neither lost nor hidden
            state = self._states.get(mounted.volume_id).stack
            await self._commit(mounted)
            is_newest = self._states.get(mounted.volume_id).stack == state
            await self._forget(mounted)
            if is_newest:
                return
            mounted = fresh

    # Copies, for a runtime that has no overlays: a reload replaces the whole copy

    async def _replace(self, mounted: _Mounted) -> None:
        """Has the container's copy replaced by one of the newest state."""
        for _ in range(_MAX_REMOUNTS):
            pinned = await self._replace_once(mounted)
            if self._states.get(mounted.volume_id).stack == pinned:
                return
            await self._commit(mounted)

    async def _replace_once(self, mounted: _Mounted) -> tuple[int, ...]:
        """Returns the state that the container now sees."""
        pin = self._add(mounted.task_id, mounted.volume_id, mounted.path, mounted.sub_path, True)
        try:
            async with self._locks[mounted.number]:
                newer = replace(_mounted_row(self._db, mounted.number), stack=pin.stack)
                newer = replace(newer, seen=newer.seen + 2)  # a commit of the old copy may come in between
                plan = self._folder(mounted.number) / _REPLACEMENT
                plan.write_text(json.dumps({"stack": newer.stack, "seen": newer.seen}), encoding="utf-8")
                await self._runtime.remount(mounted.task_id, self._attachment(newer))
                await self._finish_replacement(_mounted_row(self._db, mounted.number))
                return pin.stack
        finally:
            await self._forget(pin)

    async def _finish_replacement(self, mounted: _Mounted) -> _Mounted:
        """Goes on where a replacement stands: commits what was last written to the old copy, then counts the
        new one. Also after an engine was killed in between."""
        folder = self._folder(mounted.number)
        old, plan = folder / "upper.old", folder / _REPLACEMENT
        if not plan.exists():
            return mounted
        if old.is_dir() and not (folder / "upper").is_dir():  # ended between its two renames
            old.rename(folder / "upper")
        if old.is_dir():
            await self._commit_from(mounted, old)
            chosen = json.loads(plan.read_text(encoding="utf-8"))
            stack = json.dumps(chosen["stack"])
            self._db.run("move_attachment", number=mounted.number, stack=stack, seen=chosen["seen"])
            await asyncio.to_thread(remove_tree, old)
        plan.unlink()
        return _mounted_row(self._db, mounted.number)

    # Rows and folders

    def _add(self, task_id: str, volume_id: str, path: str, sub_path: str, read_only: bool) -> _Mounted:
        volume = self._states.get(volume_id)
        number = self._db.run(
            "add_attachment",
            task_id=task_id,
            volume_id=volume_id,
            folder=volume.folder,
            path=path,
            sub_path=sub_path,
            is_read_only=read_only,
            stack=json.dumps(volume.stack),
        ).lastrowid
        assert number is not None
        folder = self._folder(number)
        for made in (folder, folder / "upper", folder / "work"):
            self._states.make_folder(made)
        if self._runtime.copies_volumes:
            (folder / FILLING).touch()  # the runtime removes it
        return self._by_number(number)

    def _attachment(self, mounted: _Mounted) -> VolumeAttachment:
        folder = self._folder(mounted.number)
        is_copied = self._runtime.copies_volumes and not mounted.is_read_only
        return VolumeAttachment(
            volume_id=mounted.volume_id,
            path=mounted.path,
            read_only=mounted.is_read_only,
            lowers=self._lowers(mounted),
            upper=None if mounted.is_read_only else folder / "upper",
            work=None if mounted.is_read_only else folder / "work",
            snapshot=self._snapshot_path(mounted.number, mounted.seen) if is_copied else None,
        )

    def _lowers(self, mounted: _Mounted) -> tuple[Path, ...]:
        """What lies below: the pinned deltas, or of each the folder that `sub_path` names."""
        deltas = self._states.root / str(mounted.folder)
        stack = (*(deltas / str(number) for number in mounted.stack), self._states.empty)
        if not mounted.sub_path:
            return stack
        entry = Overlay(stack).lookup(mounted.sub_path.split("/"))
        if entry is None:
            return (self._states.empty,)
        if not entry.is_folder:
            raise InvalidError(
                f"{mounted.sub_path!r} in Volume {mounted.volume_id} is not a folder: sub_path needs one."
            )
        return (*(Path(folder) for _, folder in entry.folders), self._states.empty)

    def _bind(
        self, root: Path, volume_id: str, path: str, parts: tuple[str, ...], read_only: bool
    ) -> VolumeAttachment:
        folder = root.joinpath(*parts)
        if parts and not read_only:
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir() or not folder.resolve().is_relative_to(root):
            raise InvalidError(
                f"{folder} is not a folder of this machine (any more), so it cannot be mounted at {path}. "
                "Make it, or link another with: homeport volume link NAME DIR"
            )
        return VolumeAttachment(volume_id=volume_id, path=path, read_only=read_only, bind=folder)

    async def _forget(self, mounted: _Mounted) -> None:
        self._db.run("delete_attachment", number=mounted.number)
        self._locks.pop(mounted.number, None)
        await asyncio.to_thread(remove_tree, self._folder(mounted.number))
        self._states.forget_unused(mounted.volume_id)
        with contextlib.suppress(OSError):
            await self._states.remove_if_forgotten(mounted.volume_id, mounted.folder)

    def _folder(self, number: int) -> Path:
        return self._root / str(number)

    def _by_number(self, number: int) -> _Mounted:
        return _mounted_row(self._db, number)

    def _of_task(self, task_id: str) -> list[_Mounted]:
        return [_mounted(row) for row in self._db.all("attachments_of_task", task_id=task_id)]

    def _all(self) -> list[_Mounted]:
        return [_mounted(row) for row in self._db.all("all_attachments")]


def _mounted_row(database: Database, number: int) -> _Mounted:
    row = database.one("attachment_by_number", number=number)
    assert row is not None
    return _mounted(row)


def _mounted(row: sqlite3.Row) -> _Mounted:
    return _Mounted(
        row["number"],
        row["task_id"],
        row["volume_id"],
        row["folder"],
        row["path"],
        row["sub_path"],
        bool(row["is_read_only"]),
        tuple(json.loads(row["stack"])),
        row["seen"],
        bool(row["is_retired"]),
    )
