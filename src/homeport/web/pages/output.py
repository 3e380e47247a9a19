"""A run's output for its page: the last lines, those that hold a text, and what came since.

Who follows shows where it stood as a cursor, the one that `modal app logs` uses too.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request

from homeport.control.log_files import Line, Selection
from homeport.control.logs import Logs
from homeport.model.errors import HomeportError
from homeport.plan.log_records import STDERR, SYSTEM
from homeport.record.run import Run
from homeport.web.pages.render import plain

TAIL_LINES: Final = 400
_LIVE_LINES: Final = 2000  # in one answer; the next one goes on
_WHOLE_LINES: Final = 200_000
_LONGEST: Final = 2000  # characters of a line that the page shows
_STREAMS: Final = {STDERR: "stderr", SYSTEM: "system"}


@dataclass(frozen=True)
class Wanted:
    """Which lines: those that hold a text, of one container; all where both are empty."""

    text: str = ""
    task_id: str = ""


@dataclass(frozen=True)
class Shown:
    """A line as the page has it."""

    clock: str
    stream: str
    text: str
    is_whole: bool = True


@dataclass(frozen=True)
class Output:
    """`problem` says why there are no lines."""

    lines: list[Shown]
    cursor: str = ""
    is_cut: bool = False
    problem: str = ""


def wanted_of(request: Request) -> Wanted:
    return Wanted(request.query_params.get("q", "")[:200], request.query_params.get("task", "")[:40])


async def tail(logs: Logs, run: Run, wanted: Wanted) -> Output:
    """The last lines, and where to go on from."""
    try:
        lines, cursor = await logs.tail(_app_of(run), _selection(run, wanted), TAIL_LINES)
    except HomeportError as error:
        return Output([], problem=str(error))
    return Output([_shown(line) for line in lines], cursor, is_cut=len(lines) >= TAIL_LINES)


async def after(logs: Logs, run: Run, wanted: Wanted, cursor: str) -> Output:
    """What came since a cursor, which is where the last answer ended."""
    if not cursor:
        return Output([])
    lines: list[Shown] = []
    stream = logs.stream(_app_of(run), _selection(run, wanted), cursor, 0.0)
    try:
        async for batch in stream:
            lines += [_shown(line) for line in batch.lines]
            cursor = batch.entry_id or cursor
            if len(lines) >= _LIVE_LINES:
                break
    except HomeportError as error:
        return Output([], cursor, problem=str(error))
    finally:
        await stream.aclose()
    return Output(lines, cursor)


async def whole(logs: Logs, run: Run) -> str:
    """All of it as text, or its last lines where it is very long. Raises NotFoundError."""
    found = await logs.fetch(_app_of(run), _selection(run, Wanted()), 0.0, time.time() + 1, _WHOLE_LINES)
    return "".join(f"{_clock(line.time_s)}  {plain(line.text)}\n" for line in found)


def _selection(run: Run, wanted: Wanted) -> Selection:
    call_id = run.run_id if run.kind in ("call", "schedule") else ""
    only = run.attempts[0] if len(run.attempts) == 1 else None
    # what a Sandbox prints is in no app's log, unless it is asked for
    task_id = only.task_id if only is not None and only.command else ""
    return Selection(task_id=wanted.task_id or task_id, text=wanted.text, call_id=call_id)


def _app_of(run: Run) -> str:
    return run.app_id or run.run_id


def _shown(line: Line) -> Shown:
    text = plain(line.text)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text) - _LONGEST} characters more)"
    return Shown(_clock(line.time_s), _STREAMS.get(line.fd, ""), text, line.text.endswith("\n"))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%H:%M:%S")
