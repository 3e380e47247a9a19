"""A run with all that helps to explain it or to compare it: its record, its sources, calls of before.

Works without an engine: records are files, and so is what mounts brought, by its sha256.
"""

from pathlib import Path

from homeport.control.runs.records import RunFilter, RunRecords
from homeport.model.home import Home
from homeport.record.explain.known import Known
from homeport.record.explain.sources import Reader
from homeport.record.run import Call, Run

_LONGEST_SOURCE = 2 * 1024 * 1024
_MOST_EARLIER = 50  # calls of the same deployed app


def known(home: Home, named: str) -> Known:
    """The run that has this id, prefix, or is the `latest`. Raises NotFoundError, InvalidError,
    DamagedRecordError."""
    records = RunRecords(home)
    run = records.record(records.find(named))
    return Known(run, reader(home), earlier_calls(records, run))


def reader(home: Home) -> Reader:
    """Reads sources: by digest what mounts brought, else the launcher's file as it lies there now."""

    def read(path: str, sha256: str) -> str | None:
        if not sha256:
            return _text(Path(path))
        # by hand, since a store that is opened removes what is being received
        stored = home.blobs / sha256[:2] / sha256
        return _text(stored) if len(sha256) == 64 and sha256.isalnum() else None

    return read


def earlier_calls(records: RunRecords, run: Run) -> tuple[Call, ...]:
    """Calls of the same deployed function before this one: its container may have served them."""
    if run.kind not in ("call", "schedule"):
        return ()
    owner, dot, _ = run.function.partition(".")  # all methods of a class share containers
    wanted = RunFilter(app=run.app_id, function="" if dot else run.function)
    return tuple(
        Call(row.run_id, row.function, started_at=row.started_at, ended_at=row.ended_at)
        for row in records.rows(wanted, limit=_MOST_EARLIER)
        if row.kind in ("call", "schedule")
        and row.function.partition(".")[0] == owner
        and row.started_at < run.started_at
    )


def _text(path: Path) -> str | None:
    """A text file of sensible length; None where there is none."""
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_SOURCE:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
