"""The records of all runs of a home, for whoever reads them: lists, one by its name, whole records.

Works without an engine, and beside one: the database is opened for reading only. Rows that the table lacks
are made again of the files.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from sqlite3 import Row
from typing import Final

from homeport.control.runs.compose import Composer
from homeport.control.runs.folders import RunFolders
from homeport.control.runs.reads import Reads
from homeport.model.errors import InvalidError, NotFoundError
from homeport.model.home import Home
from homeport.plan.suggestions import nearest
from homeport.record.codec import DamagedRecordError, decode
from homeport.record.run import Kind, Run, State, Verdict
from homeport.store.reader import ReadOnly

LATEST: Final = "latest"


@dataclass(frozen=True)
class RunRow:
    """What lists show of a run."""

    run_id: str
    app_id: str
    kind: Kind
    state: State
    app: str
    environment: str
    function: str
    outcome: str
    contract: str
    verdict: Verdict
    started_at: float
    ended_at: float = 0.0  # 0 while it goes on

    @property
    def duration_s(self) -> float:
        """So far, for one that goes on; 0 where a record of an older version does not tell."""
        ended_at = time.time() if self.state == "running" else self.ended_at
        return max(0.0, ended_at - self.started_at)

    @property
    def label(self) -> str:
        """app::function, as lists and pages call it."""
        return f"{self.app}::{self.function}" if self.function else self.app


@dataclass(frozen=True)
class RunFilter:
    """Which rows; empty fields select all. `text` is looked for in id, app, function, outcome, contract."""

    state: str = ""
    app: str = ""  # its name or id
    kind: str = ""
    function: str = ""
    verdict: str = ""
    since: float = 0.0  # seconds since the epoch
    text: str = ""


class RunRecords:
    """All runs of one home."""

    def __init__(self, home: Home, reads: Reads | None = None) -> None:
        """`reads`: what is kept of files of runs that are looked at again and again."""
        self._home = home
        self._reads = reads
        self._folders = RunFolders(home)

    def rows(self, wanted: RunFilter = RunFilter(), *, limit: int = 50, page: int = 0) -> list[RunRow]:
        """The newest first; `page` counts from 0."""
        with self._open() as db:
            if db is None:
                rows = [row for row in self.from_files(set()) if _fits(row, wanted)]
                return rows[page * limit : (page + 1) * limit]
            found = db.all("runs_found", **_parameters(wanted), limit=limit, offset=page * limit)
            return [of_table(row) for row in found]

    def count(self, wanted: RunFilter = RunFilter()) -> int:
        """How many rows there are on all pages."""
        with self._open() as db:
            if db is None:
                return sum(_fits(row, wanted) for row in self.from_files(set()))
            row = db.one("runs_counted", **_parameters(wanted))
            return int(row["runs"]) if row is not None else 0

    def apps(self) -> list[str]:
        """The names of apps that have runs."""
        with self._open() as db:
            if db is None:
                return sorted({row.app for row in self.from_files(set())})
            return [row["app"] for row in db.all("run_apps")]

    def find(self, named: str) -> str:
        """The id of a run named by it, by a prefix that no other has, or as `latest`. Raises NotFoundError,
        InvalidError for a prefix of several."""
        with self._open() as db:
            if named == LATEST:
                newest = self._latest(db)
                if newest is None:
                    raise NotFoundError("There is no run yet. Start one with: homeport run FILE")
                return newest
            found = (
                [row["run_id"] for row in db.all("runs_by_prefix", prefix=named)] if db is not None else []
            )
            found += sorted(
                run_id
                for run_id in self._folders.written()
                if run_id.startswith(named) and run_id not in found
            )
            if named in found or len(found) == 1:
                return named if named in found else found[0]
            if found:
                some = ", ".join(found[:4])
                raise InvalidError(f"Several runs begin with {named!r}: {some}. Give more of the id.")
            known = [row["run_id"] for row in db.all("run_newest_ids")] if db is not None else []
            known = known or sorted(self._folders.written())
        close = nearest(named, [*known, LATEST], 2)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise NotFoundError(f"There is no run {named!r}.{hint} homeport runs lists them.")

    def row(self, run_id: str) -> RunRow:
        """Raises NotFoundError."""
        with self._open() as db:
            row = db.one("run_by_id", run_id=run_id) if db is not None else None
        if row is not None:
            return of_table(row)
        return row_of(self.record(run_id))

    def record(self, run_id: str) -> Run:
        """The whole record, live or finished. Raises NotFoundError, DamagedRecordError."""
        path = self._folders.file(run_id)
        with self._open() as db:
            row = db.one("run_by_id", run_id=run_id) if db is not None else None
            if os.path.lexists(path) and (row is None or row["is_written"]):
                return self._read(run_id)
            if row is None or db is None:
                raise NotFoundError(f"There is no run {run_id!r}. homeport runs lists them.")
            composed = Composer(self._home, db, self._reads).run(row)
            if row["stands_for"]:
                return _with_neighbour(composed, self._neighbour(row["stands_for"]))
            return composed

    def damaged(self, run_ids: Iterable[str] = ()) -> list[str]:
        """Sentences that name those of these records that cannot be read, and all that no row tells of."""
        with self._open() as db:
            known = {row["run_id"] for row in db.all("run_ids")} if db is not None else set()
        written = self._folders.written()
        found = []
        for run_id in sorted((written - known) | (written & set(run_ids))):
            try:
                self._read(run_id)
            except DamagedRecordError as error:
                found.append(str(error))
        return found

    def _read(self, run_id: str) -> Run:
        """What is written of a run. Raises DamagedRecordError, also for no file, or another run's."""
        name = f"runs/{run_id}.json"
        try:
            run = decode(self._folders.file(run_id).read_bytes(), name)
        except OSError as error:
            raise DamagedRecordError(f"{name}: this record cannot be read: {error.strerror}.") from None
        if run.run_id != run_id:
            raise DamagedRecordError(f"{name}: this record is damaged: it is that of {run.run_id}.")
        return run

    def _neighbour(self, run_id: str) -> Run | None:
        try:
            return self._read(run_id)
        except DamagedRecordError:
            return None

    def _latest(self, db: ReadOnly | None) -> str | None:
        row = db.one("run_latest") if db is not None else None
        if row is not None:
            return str(row["run_id"])
        rows = list(self.from_files(set()))
        return rows[0].run_id if rows else None

    def from_files(self, known: set[str]) -> list[RunRow]:
        """Rows of the files that the table does not know, newest first. Damaged ones are skipped."""
        found = []
        for run_id in self._folders.written() - known:
            with suppress(DamagedRecordError):
                found.append(row_of(self._read(run_id)))
        return sorted(found, key=lambda row: (-row.started_at, row.run_id))

    @contextmanager
    def _open(self) -> Iterator[ReadOnly | None]:
        """The database; None where there is none that knows runs."""
        db = ReadOnly.open(self._home.database)
        try:
            yield db if db is not None and db.has_table("runs") else None
        finally:
            if db is not None:
                db.close()


def row_of(run: Run) -> RunRow:
    """What lists show of a record."""
    return RunRow(
        run_id=run.run_id,
        app_id=run.app_id,
        kind=run.kind,
        state=run.state,
        app=run.name,
        environment=run.environment,
        function=run.function,
        outcome=run.outcome,
        contract=run.contract.name if run.contract is not None else "",
        verdict=run.contract.verdict if run.contract is not None else "",
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def of_table(row: Row) -> RunRow:
    """Of a row of the table `runs`."""
    return RunRow(
        **{name: row[name] for name in RunRow.__dataclass_fields__ if name != "ended_at"},
        ended_at=row["ended_at"] or 0.0,
    )


def _parameters(wanted: RunFilter) -> dict[str, object]:
    """Of the queries; a text becomes a pattern for LIKE, which heeds no case."""
    literal = re.sub(r"([%_\\])", r"\\\1", wanted.text)
    return vars(wanted) | {"pattern": f"%{literal}%" if literal else ""}


def _fits(row: RunRow, wanted: RunFilter) -> bool:
    return (
        wanted.state in ("", row.state)
        and wanted.app in ("", row.app, row.app_id)
        and wanted.kind in ("", row.kind)
        and wanted.function in ("", row.function)
        and wanted.verdict in ("", row.verdict)
        and row.started_at >= wanted.since
        and wanted.text.lower()
        in f"{row.run_id} {row.app} {row.function} {row.outcome} {row.contract}".lower()
    )


def _with_neighbour(run: Run, neighbour: Run | None) -> Run:
    """A call that was not written by itself, since one beside it by the same containers was."""
    if neighbour is None:
        return replace(run, missing=(*run.missing, "The record that stands for this one is gone."))
    return replace(
        run,
        launcher=run.launcher or neighbour.launcher,
        deployer=run.deployer or neighbour.deployer,
        source=neighbour.source,
        images=run.images or neighbour.images,
        functions=run.functions if any(f.environment for f in run.functions) else neighbour.functions,
        volumes=run.volumes or neighbour.volumes,
        configs=run.configs or neighbour.configs,
        folders=run.folders or neighbour.folders,
        notes=run.notes or neighbour.notes,
        not_honoured=run.not_honoured or neighbour.not_honoured,
        missing=(
            *run.missing,
            f"Its containers' environment and notes are those of {neighbour.run_id}, a call beside it.",
        ),
    )
