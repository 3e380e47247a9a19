"""Logs of apps: lines of the system, and streams that follow what containers print.

Containers' output is written to files by their supervisors, whether an engine lives or not; this module
only reads them, by offsets that clients hold, so nothing is lost or told twice over a restart. What a stream
has not sent yet waits in the file, never in memory.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from modal_proto import api_pb2

from homeport.control import log_files
from homeport.control.image_logs import log_lines
from homeport.control.log_calls import LogCalls, Spans, owned
from homeport.control.log_files import Line, Selection, Source
from homeport.control.log_index import LogIndex
from homeport.control.log_reader import LogReader
from homeport.model.errors import NotFoundError
from homeport.model.home import Home
from homeport.model.ids import IMAGE
from homeport.plan import log_cursor, log_records
from homeport.plan.progress_bars import ProgressBars
from homeport.store.database import Database

_IMAGE: Final = f"{IMAGE}-"
_FOLLOWED_LINES: Final = 100  # of a deployed app's past, where a stream begins without a position


@dataclass(frozen=True)
class LogBatch:
    """What a stream sends at once: lines of one task, or a task's new state, or the end."""

    task_id: str = ""
    function_id: str = ""
    lines: tuple[Line, ...] = ()
    entry_id: str = ""
    task_state: int = 0
    is_app_done: bool = False


@dataclass(eq=False)
class _Follower:
    """A stream that waits. `changed` are tasks with new output; `states` the newest state of each task."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    changed: set[str] = field(default_factory=set)
    states: dict[str, int] = field(default_factory=dict)
    is_stale: bool = False  # tasks or the app's state changed: ask the database


class Logs:
    """Of all apps of one engine."""

    def __init__(self, home: Home, database: Database, *, now: Callable[[], float] = time.time) -> None:
        self._home = home
        self._database = database
        self._now = now
        self._index = LogIndex()
        self._calls = LogCalls(database)
        self._followers: dict[str, set[_Follower]] = {}
        self._app_of_task: dict[str, str] = {}
        self._checked: set[str] = set()  # apps whose own file ends with a whole record

    def system(self, app_id: str, task_id: str, text: str) -> None:
        """Adds a line of the system to an app's log; `task_id` may be empty."""
        path = self._home.logs / f"{app_id}.log"
        if app_id not in self._checked:
            self._checked.add(app_id)
            _cut_rest(path)
        line = text if text.endswith("\n") else text + "\n"
        with path.open("ab", buffering=0) as file:
            file.write(log_files.encode_system_line(self._now(), task_id, line))
        self._tell(app_id, "")

    def task_output(self, task_id: str) -> None:
        """The file of a task grew."""
        app_id = self._app_of(task_id)
        if app_id is not None and app_id in self._followers:
            self._tell(app_id, task_id)

    def task_state(self, task_id: str, state: int) -> None:
        """A task came to be, or its state changed (api_pb2.TaskState), or its row says that it finished."""
        app_id = self._app_of(task_id)
        if app_id is None:
            return
        for follower in self._followers.get(app_id, ()):
            follower.states[task_id] = state
            follower.is_stale = True
            follower.changed.add(task_id)
            follower.wake.set()
        if state == api_pb2.TASK_STATE_COMPLETED:
            self._app_of_task.pop(task_id, None)

    def app_done(self, app_id: str) -> None:
        """The app stopped: streams end once they sent all output of its tasks."""
        self._checked.discard(app_id)
        for follower in self._followers.get(app_id, ()):
            follower.is_stale = True
            follower.wake.set()

    async def stream(
        self, app_id: str, selection: Selection, last_entry_id: str, timeout_s: float
    ) -> AsyncGenerator[LogBatch, None]:
        """What an app prints from a position on; ends after `timeout_s`, or with `is_app_done`.

        An app is done when it stopped and all of its tasks finished; asked for one task, when that finished.
        Without a position a deployed app's stream begins with its last lines, any other's at its start.
        Raises NotFoundError for an unknown app or task, InvalidError for a damaged position.
        """
        app_id = self._resolve(app_id, selection.task_id)
        if last_entry_id:
            cursor = log_cursor.decode(last_entry_id)
            reader = LogReader(self._home, self._database, app_id, selection, cursor)
        else:
            reader = await self._beginning(app_id, selection)
        bars = ProgressBars()
        follower = _Follower(is_stale=True)
        self._followers.setdefault(app_id, set()).add(follower)
        deadline = asyncio.get_running_loop().time() + timeout_s
        is_done = False
        try:
            for task_id, state in reader.live_states():
                follower.states.setdefault(task_id, state)
            while True:
                follower.wake.clear()
                if follower.is_stale:
                    follower.is_stale = False
                    reader.refresh()
                    is_done = self._is_done(app_id, selection, reader)
                for batch in _state_batches(follower, reader, selection):
                    yield batch
                changed, follower.changed = follower.changed, set()
                while changed or reader.has_more:
                    for task_id, function_id, lines, entry_id in reader.read(changed):
                        said = tuple(owned(lines, self._calls.spans(lines), selection.call_id))
                        if said:
                            yield LogBatch(task_id, function_id, tuple(_in_place(bars, said)), entry_id)
                    changed = set()
                    await asyncio.sleep(0)  # a flood that is filtered out must not hold the loop
                if is_done or not await _wait(follower.wake, deadline):
                    break
            if ends := tuple(Line(self._now(), fd, text, "", "") for fd, text in bars.end()):
                yield LogBatch(lines=ends)
            if is_done:
                yield LogBatch(entry_id=reader.entry_id(), is_app_done=True)
        finally:
            followers = self._followers[app_id]
            followers.discard(follower)
            if not followers:
                del self._followers[app_id]

    async def fetch(
        self, app_id: str, selection: Selection, since_s: float, until_s: float, limit: int
    ) -> list[Line]:
        """The newest `limit` lines of a time range, oldest first; of an image's build, if its id is given."""
        if app_id.startswith(_IMAGE):
            lines = log_lines(self._home, app_id, selection, since_s, until_s)
            return await asyncio.to_thread(lambda: list(deque(lines, maxlen=limit)))
        sources = self._sources(app_id)
        if not selection.call_id:
            newest = await asyncio.to_thread(
                log_files.newest, sources, self._index, selection, since_s, until_s, limit
            )
            return list(owned(newest, self._calls.spans(newest)))
        spans = self._calls.spans_of_call(selection.call_id, since_s, until_s)
        return await asyncio.to_thread(
            lambda: list(deque(self._of_call(sources, spans, selection, since_s, until_s), maxlen=limit))
        )

    async def tail(self, app_id: str, selection: Selection, limit: int) -> tuple[list[Line], str]:
        """The last lines so far, and the position from which `stream` goes on."""
        until_s = self._now()
        lines = await self.fetch(app_id, selection, 0.0, until_s, limit)
        reader = LogReader(self._home, self._database, app_id, selection, log_cursor.Cursor())
        reader.refresh()
        await asyncio.to_thread(reader.skip_to, until_s, self._index)
        # once through what came meanwhile, which also forgets files that have ended: the position stays short
        for _, _, new, _ in reader.read():
            lines += owned(new, self._calls.spans(new), selection.call_id)
        return lines, reader.entry_id()

    async def count(
        self, app_id: str, selection: Selection, since_s: float, until_s: float, bucket_s: int
    ) -> dict[int, list[int]]:
        """Lines of stdout, stderr and the system by the start of their bucket, a multiple of `bucket_s`."""
        lines: Iterator[Line]
        if app_id.startswith(_IMAGE):
            lines = log_lines(self._home, app_id, selection, since_s, until_s)
        elif selection.call_id:
            spans = self._calls.spans_of_call(selection.call_id, since_s, until_s)
            lines = self._of_call(self._sources(app_id), spans, selection, since_s, until_s)
        else:
            lines = log_files.history(self._sources(app_id), self._index, selection, since_s, until_s)

        def count() -> dict[int, list[int]]:
            buckets: dict[int, list[int]] = {}
            for line in lines:
                start = int(line.time_s // bucket_s) * bucket_s
                buckets.setdefault(start, [0, 0, 0])[line.fd - 1] += 1
            return buckets

        return await asyncio.to_thread(count)

    def task_of_sandbox(self, sandbox_id: str) -> str:
        """Raises NotFoundError."""
        row = self._database.one("sandbox_by_id", sandbox_id=sandbox_id)
        if row is None:
            raise NotFoundError(f"Sandbox {sandbox_id} does not exist on this engine.")
        return str(row["task_id"])

    def _of_call(
        self, sources: list[Source], spans: Spans, selection: Selection, since_s: float, until_s: float
    ) -> Iterator[Line]:
        """Lines of one call: only files of containers that worked on it are read."""
        concerned = [source for source in sources if not source.task_id or source.task_id in spans]
        lines = log_files.history(concerned, self._index, selection, since_s, until_s)
        yield from owned(lines, spans, selection.call_id)

    async def _beginning(self, app_id: str, selection: Selection) -> LogReader:
        row = self._database.one("app_log_state", app_id=app_id)
        reader = LogReader(self._home, self._database, app_id, selection, log_cursor.Cursor())
        if row is None or row["state"] != api_pb2.APP_STATE_DEPLOYED or selection.task_id:
            return reader
        lines = await self.fetch(app_id, selection, 0.0, float("inf"), _FOLLOWED_LINES)
        if len(lines) == _FOLLOWED_LINES:
            reader.refresh()
            await asyncio.to_thread(reader.skip_to, lines[0].time_s, self._index)
        return reader

    def _sources(self, app_id: str) -> list[Source]:
        if self._database.one("app_log_state", app_id=app_id) is None:
            raise NotFoundError(f"App {app_id} does not exist; `modal app list` shows those that do.")
        reader = LogReader(self._home, self._database, app_id, Selection(), log_cursor.Cursor())
        reader.refresh()
        return reader.sources()

    def _resolve(self, app_id: str, task_id: str) -> str:
        found = self._app_of(task_id) if task_id else None
        if task_id and found is None:
            raise NotFoundError(
                f"Container {task_id} does not exist; `modal container list` shows those that run."
            )
        app_id = app_id or found or ""
        if self._database.one("app_log_state", app_id=app_id) is None:
            raise NotFoundError(f"App {app_id} does not exist; `modal app list` shows those that do.")
        return app_id

    def _app_of(self, task_id: str) -> str | None:
        known = self._app_of_task.get(task_id)
        if known is None:
            row = self._database.one("log_task", task_id=task_id)
            if row is None:
                return None
            known = str(row["app_id"])
            if row["finished_at"] is None:
                self._app_of_task[task_id] = known
        return known

    def _is_done(self, app_id: str, selection: Selection, reader: LogReader) -> bool:
        if selection.task_id:
            row = self._database.one("log_task", task_id=selection.task_id)
            return row is not None and row["finished_at"] is not None
        row = self._database.one("app_log_state", app_id=app_id)
        return row is not None and row["stopped_at"] is not None and reader.is_final()

    def _tell(self, app_id: str, task_id: str) -> None:
        for follower in self._followers.get(app_id, ()):
            follower.changed.add(task_id)
            follower.wake.set()


def _state_batches(follower: _Follower, reader: LogReader, selection: Selection) -> list[LogBatch]:
    states, follower.states = follower.states, {}
    return [
        LogBatch(task_id, reader.function_of(task_id), task_state=state)
        for task_id, state in states.items()
        if state and selection.task_id in ("", task_id)
    ]


def _in_place(bars: ProgressBars, lines: Iterable[Line]) -> Iterator[Line]:
    for line in lines:
        for fd, text in bars.pieces(line.task_id, line.fd, line.text):
            yield line._replace(fd=fd, text=text)


async def _wait(event: asyncio.Event, deadline: float) -> bool:
    """Whether the event came before the deadline, a time of the running loop."""
    if event.is_set():
        return True
    try:
        async with asyncio.timeout_at(deadline):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _cut_rest(path: Path) -> None:
    """Removes what an engine that was killed left of a record, so that the next one begins at its end."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    end = log_records.whole_records_end(content)
    if end < len(content):
        with path.open("r+b") as file:
            file.truncate(end)
