"""Rows about calls of deployed apps, which come by the hundred: gathered for a moment, written together.

A call's own transactions then have nothing of its record in them, and most rows are written once, as they
are at the end. What an engine that was killed had not written yet, the next one finds in the rows of the
calls themselves.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from modal_proto import api_pb2

from homeport.control.queues import Call
from homeport.control.runs.arguments import function_of
from homeport.control.runs.folders import RunFolders
from homeport.record.run import Kind, State
from homeport.store.database import Database

_EVERY_S: Final = 0.2


@dataclass
class RunStart:
    """Of the table `runs`: a call that begins."""

    run_id: str
    app_id: str
    kind: Kind
    app: str
    environment: str
    function: str
    launcher: str
    started_at: float


@dataclass
class RunEnd:
    """Of the table `runs`: how a run ended. `stands_for`: the call whose record serves for it, too."""

    run_id: str
    state: State
    outcome: str
    ended_at: float
    stands_for: str = ""
    is_written: bool = False


_GOING_ON: Final = {
    "state": "running",
    "outcome": "",
    "ended_at": None,
    "stands_for": "",
    "is_written": False,
}


class Ending(Protocol):
    """control/runs/writer.py: takes runs that have ended, and writes them down when there is time."""

    def ended(self, run_id: str, app_id: str, ended_at: float) -> None:
        """Writes the row; within a transaction."""

    def ends(self, ended: Mapping[str, tuple[Call, float]]) -> list[RunEnd]:
        """How calls ended, and when; the caller writes their rows, before anything else is done."""


class GatheredRows:
    """`forget` is told of the runs whose end was written; `recording` keeps a failure from whoever calls."""

    def __init__(
        self,
        db: Database,
        folders: RunFolders,
        ending: Ending,
        forget: Callable[[list[str]], None],
        recording: Callable[[str, str], AbstractContextManager[None]],
    ) -> None:
        self._db = db
        self._folders = folders
        self._ending = ending
        self._forget = forget
        self._recording = recording
        self._began: list[RunStart] = []
        self._worked: list[dict[str, str]] = []
        self._ended: dict[str, tuple[Call, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def recover(self) -> None:
        """Writes what an earlier engine was killed before it wrote; before anything of it is taken up."""
        with self._recording("", "calls without a row"), self._db.transaction():
            for row in self._db.all("run_calls_without_row"):
                start = RunStart(kind="call", launcher="", **row)
                first = self._db.one("run_first_input", call_id=start.run_id)
                given = api_pb2.FunctionInput.FromString(first["input"]) if first is not None else None
                start.function = function_of(start.function, given)
                self.write_now(start)
                self._folders.miss(row["run_id"], "The engine was killed before it wrote down who called.")
            self._db.run("run_call_tasks_insert")

    def write_now(self, start: RunStart) -> None:
        self._db.run("run_call_insert", **vars(start), **_GOING_ON)

    def began(self, start: RunStart) -> None:
        self._began.append(start)
        self._soon()

    def worked(self, run_id: str, task_id: str) -> None:
        """A container was given inputs of a call."""
        self._worked.append({"run_id": run_id, "task_id": task_id})
        self._soon()

    def ended(self, call: Call, at: float) -> None:
        self._ended[call.run_id] = (call, at)
        self._soon()

    def flush(self) -> None:
        """Writes what there is, now."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        began, self._began = self._began, []
        worked, self._worked = self._worked, []
        ended, self._ended = self._ended, {}
        with self._recording("", "its rows"), self._db.transaction():
            ends = {end.run_id: vars(end) for end in self._ending.ends(ended)}
            fresh = [vars(start) | ends.pop(start.run_id, _GOING_ON) for start in began]
            self._db.run_many("run_call_insert", fresh)
            self._db.run_many("run_task_insert", worked)
            self._db.run_many("run_end", list(ends.values()))
        self._forget(list(ended))

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self.flush)
