"""Clears away what nothing has used for a month: images with their layers and logs, mounts, logs of tasks.

Only decides what is in use and when to look; images.py and mounts.py remove their own. Nothing is removed
that a deployed or running app names, or named in its last ten versions, that a task had within the month, or
that was asked for within it. What this rule takes by mistake (an image that is run once a year) is made again
by the next run.
"""

import asyncio
import logging
import re
import time
from pathlib import Path
from typing import Final, Protocol

from homeport.control.deployments import KEPT
from homeport.model.home import Home
from homeport.store.database import Database

logger = logging.getLogger(__name__)

KEPT_S: Final = 30 * 24 * 3600.0
_FIRST_S: Final = 600.0  # clients of an engine that was killed have come back by then
_EVERY_S: Final = 24 * 3600.0
_AGAIN_S: Final = 3600.0  # when builds were running
_IDS: Final = re.compile(rb"(?:im|mo)-[0-9A-Za-z]{22}")
_LOGS: Final = re.compile(r"((?:ta|ap)-[0-9A-Za-z]{22})\.log")


class Sweepable(Protocol):
    """Implemented by control.images.Images and control.mounts.Mounts."""

    async def sweep(self, before: float, named: frozenset[str]) -> int | None:
        """Removes what was not used since `before` (seconds since the epoch) and is not in `named`; how many.
        None: not now, something is being made."""


class Sweep:
    """Looks soon after the engine's start and then once a day."""

    def __init__(self, home: Home, db: Database, parts: tuple[Sweepable, ...]) -> None:
        self._home = home
        self._db = db
        self._parts = parts
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_FIRST_S, self._begin)

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _begin(self) -> None:
        self._running = asyncio.create_task(self._run(), name="sweep")

    async def _run(self) -> None:
        delay_s = _EVERY_S
        try:
            if not await self.look(time.time()):
                delay_s = _AGAIN_S
        except Exception:
            logger.exception("the sweep of unused images, mounts and logs failed")
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._begin)

    async def look(self, now: float) -> bool:
        """One sweep; whether it came to its end."""
        before = now - KEPT_S
        self._db.run("delete_unused_definitions", before=before, kept=KEPT)
        counts = [await part.sweep(before, self.named(before)) for part in self._parts]
        live = frozenset(row["id"] for row in self._db.all("ids_with_open_logs", before=before))
        logs = await asyncio.to_thread(_remove_logs, self._home.logs, before, live)
        removed = logs + sum(count or 0 for count in counts)
        if removed:
            logger.info("removed %d images, mounts and logs that nothing used for a month", removed)
        return None not in counts

    def named(self, before: float) -> frozenset[str]:
        """Ids of images and mounts that definitions name, of apps that are there or were within the month."""
        rows = self._db.all("definitions_in_use", before=before)
        return frozenset(found.decode() for row in rows for found in _IDS.findall(row["definition"]))


def _remove_logs(folder: Path, before: float, live: frozenset[str]) -> int:
    """Logs of tasks and apps that ended, to which nothing was written since."""
    removed = 0
    for file in folder.iterdir():
        found = _LOGS.fullmatch(file.name)
        if found and found[1] not in live and file.stat().st_mtime < before:
            file.unlink()
            removed += 1
    return removed
