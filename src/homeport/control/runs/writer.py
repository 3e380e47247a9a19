"""Writes runs down at their end: the row at once, the record in a thread when there is time.

Of calls that end by the hundred only a few a second get a record of their own; the others keep their row and
name a neighbour, whose containers were the same. What an engine that was killed left is finished by the next.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from homeport.control.queues import Call
from homeport.control.runs.folders import RunFolders, write_whole
from homeport.control.runs.gathered import RunEnd
from homeport.control.runs.outcomes import of_calls, outcome
from homeport.control.runs.records import RunRecords, RunRow, row_of
from homeport.model.home import Home
from homeport.record.codec import encode
from homeport.record.masking import NO_VALUES, ExactValues
from homeport.record.run import Run
from homeport.store.database import Database

logger = logging.getLogger(__name__)

KEPT: Final = 10_000  # runs that somebody started
KEPT_CALLS: Final = 1_000  # calls and firings of each deployed function
_ALIKE_S: Final = 5.0  # between two records of calls of one function, where many end
_OWN_RECORDS: Final = 5.0  # that calls of one function get at once after a while without
_PRUNE_EVERY: Final = 50  # records
_CALLERS_KEPT_S: Final = 24 * 3600.0  # a connection may be idle for so long between two calls
_CLOSE_S: Final = 3.0  # for what is left when the engine is told to stop; the next one does the rest


@dataclass(eq=False, slots=True)
class _Alike:
    """Of the calls of one function: how many records they may have now, and whose was the last."""

    at: float
    left: float = _OWN_RECORDS
    newest: str = ""


@dataclass(frozen=True)
class Removed:
    """Records that somebody let go, or would, and what their files took."""

    run_ids: tuple[str, ...]
    freed_bytes: int


class RunWriter:
    """The runs of one engine that have ended and are not written yet. `before` is awaited first for each,
    for whoever still finds something out about it."""

    def __init__(self, home: Home, db: Database, *, kept: int = KEPT, kept_calls: int = KEPT_CALLS) -> None:
        self.before: Callable[[str], Awaitable[None]] | None = None
        self.values_of: Callable[[str], ExactValues] = lambda app_id: NO_VALUES  # what an app's records lack
        self.on_cleared: Callable[[], None] = lambda: None  # what a record was made of is not needed any more
        self._db = db
        self._folders = RunFolders(home)
        self._records = RunRecords(home)
        self._bounds = {"kept": kept, "kept_calls": kept_calls}
        self._count = 0
        self._queue: deque[str] = deque()
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._alike: dict[str, _Alike] = {}  # by function
        self._worker: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Takes up what an earlier engine left, and rows that are there as files only."""
        with suppress(OSError):
            self._folders.remove_drafts()
        for row in self._db.all("runs_unwritten"):
            if row["ended_at"] is not None:
                self._add(row["run_id"])
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        worker = self._worker
        if worker is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._idle.wait()
        except TimeoutError:
            logger.info("%d records are left for the next engine", len(self._queue))
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    def ended(self, run_id: str, app_id: str, ended_at: float) -> None:
        """Writes the row; within a transaction."""
        state, sentence = outcome(self._db, run_id, app_id, self.values_of(app_id))
        if self._db.run("run_end", **vars(RunEnd(run_id, state, sentence, ended_at))).rowcount:
            self._add(run_id)

    def ends(self, ended: Mapping[str, tuple[Call, float]]) -> list[RunEnd]:
        """How calls of deployed apps ended, and when; the caller writes their rows, before anything else is
        done. Others may stand for those that succeeded."""
        now = time.monotonic()
        outcomes = of_calls(self._db, list(ended), lambda run_id: self.values_of(ended[run_id][0].app_id))
        found: list[RunEnd] = []
        for run_id, (call, ended_at) in ended.items():
            state, sentence = outcomes[run_id]
            neighbour = self._neighbour(run_id, call.function_id, now) if state == "succeeded" else ""
            if not neighbour:
                self._add(run_id)
            found.append(RunEnd(run_id, state, sentence, ended_at, neighbour, bool(neighbour)))
        return found

    def _neighbour(self, run_id: str, function_id: str, now: float) -> str:
        """The run whose record stands for this one too; empty where it gets its own."""
        alike = self._alike.get(function_id)
        if alike is None:
            alike = self._alike[function_id] = _Alike(now)
        alike.left = min(_OWN_RECORDS, alike.left + (now - alike.at) / _ALIKE_S)
        alike.at = now
        if alike.left < 1 and not self._folders.has_folder(run_id):
            return alike.newest
        alike.left -= 1
        alike.newest = run_id
        return ""

    def _add(self, run_id: str) -> None:
        self._queue.append(run_id)
        self._queued.set()
        self._idle.clear()

    async def _work(self) -> None:
        await self._step("rows of files", self._restore())
        await self._step("old runs", self.prune())
        while True:
            if not self._queue:
                self._queued.clear()
                self._idle.set()
                await self._queued.wait()
            run_id = self._queue.popleft()
            await self._step(run_id, self._write(run_id))

    async def _step(self, what: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception:
            logger.exception("the record of %s was not written", what)

    async def _write(self, run_id: str) -> None:
        row = self._db.one("run_by_id", run_id=run_id)
        if row is None or row["is_written"] or row["ended_at"] is None:
            return
        if self.before is not None:
            await self.before(run_id)
        run = await asyncio.to_thread(self._compose, run_id)
        self._mark(row_of(run))
        await self._clear(run)
        self.on_cleared()
        self._count += 1
        if self._count % _PRUNE_EVERY == 0:
            await self.prune()

    def _compose(self, run_id: str) -> Run:
        """In a thread."""
        run = self._records.record(run_id)
        write_whole(self._folders.file(run_id), encode(run))
        return run

    def _mark(self, row: RunRow) -> None:
        self._db.run(
            "run_written",
            run_id=row.run_id,
            state=row.state,
            function=row.function,
            outcome=row.outcome,
            contract=row.contract,
            verdict=row.verdict,
        )

    async def _clear(self, run: Run) -> None:
        """Removes what is in the record now. Files of a container that other runs need stay."""
        if run.kind == "run":
            await asyncio.to_thread(self._folders.remove_folder, run.run_id)
            return
        await asyncio.to_thread(self._folders.remove_facts, run.run_id)
        for row in self._db.all("run_tasks_unneeded", run_id=run.run_id):
            self._folders.remove_task(row["app_id"], row["task_id"])

    async def prune(self) -> None:
        """Deletes the oldest runs beyond those that are kept, and who called long ago."""
        await self._delete([row["run_id"] for row in self._db.all("runs_too_old", **self._bounds)])

    async def remove(self, *, keep: int, before: float, dry_run: bool) -> Removed:
        """Removes the runs that ended before a time, but for the newest `keep`, and says which."""
        old = [row["run_id"] for row in self._db.all("runs_removable", keep=keep, before=before)]
        size_bytes = await asyncio.to_thread(self._folders.size_bytes, old)
        if not dry_run:
            await self._delete(old)
        return Removed(tuple(old), size_bytes)

    async def _delete(self, old: list[str]) -> None:
        await asyncio.to_thread(self._folders.remove_runs, old, time.time() - _CALLERS_KEPT_S)
        with self._db.transaction():
            for run_id in old:
                self._db.run("run_delete", run_id=run_id)
                self._db.run("run_call_forget", run_id=run_id)
                self._db.run("run_tasks_delete", run_id=run_id)

    async def _restore(self) -> None:
        for run_id in list(self._folders.running()):
            found = self._db.one("run_by_id", run_id=run_id)
            if found is not None and found["is_written"] and found["kind"] != "deployment":
                self._folders.remove_folder(run_id)  # the engine was killed after it was written
        for app_id, task_id in list(self._folders.kept_tasks()):
            if self._db.one("run_task_unneeded", task_id=task_id) is not None:
                self._folders.remove_task(app_id, task_id)
        known = {row["run_id"] for row in self._db.all("run_ids")}
        rows = await asyncio.to_thread(self._records.from_files, known)
        with self._db.transaction():
            for row in rows:
                facts = {**vars(row), "ended_at": row.ended_at or None}
                self._db.run("run_restore", **facts)
