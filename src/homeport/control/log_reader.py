"""One client's way through the files of an app: reads what is new, in the order of time across tasks.

Holds the position in each file. Waiting and deciding when an app is done are `control/logs.py`'s.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from homeport.control import log_files
from homeport.control.log_files import Line, Selection, Source
from homeport.control.log_index import LogIndex
from homeport.model.home import Home
from homeport.plan import log_cursor
from homeport.plan.log_cursor import APP_FILE, Cursor, Place
from homeport.plan.log_records import Record
from homeport.store.database import Database

_BATCH_LINES: Final = 1000
_MOMENT_S: Final = 0.01
_ROUND_BYTES: Final = 4 * 1024 * 1024  # what one round of reading takes of all files together
_MOST_BLOCK_BYTES: Final = 256 * 1024
_LEAST_BLOCK_BYTES: Final = 8 * 1024

Batch = tuple[str, str, list[Line], str]  # task_id, function_id, lines, entry_id


class LogReader:
    """Begins at a cursor. A file that ended and was read to its end is forgotten."""

    def __init__(
        self, home: Home, database: Database, app_id: str, selection: Selection, cursor: Cursor
    ) -> None:
        self._home = home
        self._database = database
        self._app_id = app_id
        self._selection = selection
        self._cursor = cursor
        self._known = 0  # number of the newest task that this reader has seen
        self._sources: dict[int, Source] = {
            APP_FILE: Source(home.logs / f"{app_id}.log", APP_FILE, "", "", 0.0, is_final=False)
        }
        self._places: dict[int, Place] = {APP_FILE: cursor.place(APP_FILE) or Place()}
        self._numbers: dict[str, int] = {"": APP_FILE}
        self._functions: dict[str, str] = {}
        self._unread: set[int] = {APP_FILE}

    def refresh(self) -> None:
        """Learns of new tasks, and of those that finished."""
        live = [source.number for source in self._sources.values() if source.task_id and not source.is_final]
        after = min(live, default=self._known + 1) - 1
        for row in self._database.all("log_tasks_of_app", app_id=self._app_id, after=after):
            number = int(row["number"])
            is_new = number > self._known
            self._known = max(self._known, number)
            self._functions[row["task_id"]] = row["function_id"]
            if not is_new and number not in self._sources:
                continue
            place = self._cursor.place(number) if is_new else self._places.get(number)
            if place is None:  # read to its end before
                continue
            source = Source(
                self._home.logs / f"{row['task_id']}.log",
                number,
                row["task_id"],
                row["function_id"],
                row["enqueued_at"],
                row["finished_at"] is not None,
            )
            if not is_new and source.is_final == self._sources[number].is_final:
                continue
            self._sources[number] = source
            self._places[number] = place
            self._numbers[source.task_id] = number
            self._unread.add(number)

    def live_states(self) -> Iterator[tuple[str, int]]:
        """The tasks that have not finished, with their states."""
        for row in self._database.all("log_tasks_of_app", app_id=self._app_id, after=0):
            if row["finished_at"] is None:
                yield row["task_id"], int(row["state"])

    def sources(self) -> list[Source]:
        return list(self._sources.values())

    def is_final(self) -> bool:
        """Whether all tasks finished."""
        return all(source.is_final for source in self._sources.values() if source.task_id)

    def function_of(self, task_id: str) -> str:
        return self._functions.get(task_id, "")

    def skip_to(self, time_s: float, index: LogIndex) -> None:
        """Leaves out what was printed before. Reads files: use a thread."""
        for number, source in self._sources.items():
            self._places[number] = log_files.place_at(source, index, time_s)

    def entry_id(self) -> str:
        return log_cursor.encode(Cursor(self._known, dict(self._places)))

    @property
    def has_more(self) -> bool:
        """Whether the last `read` left something that is there already."""
        return bool(self._unread)

    def read(self, changed: Iterable[str] = ()) -> list[Batch]:
        """What is new, a bounded part of it.

        Where one file has more than fits, only lines up to its last one are taken from the others, so that
        the order of time holds across tasks.
        """
        changed = list(changed)
        if any(task_id and task_id not in self._functions for task_id in changed):
            self.refresh()
        self._unread.update(self._numbers[task_id] for task_id in changed if task_id in self._numbers)
        block_bytes = max(
            _LEAST_BLOCK_BYTES, min(_MOST_BLOCK_BYTES, _ROUND_BYTES // max(1, len(self._unread)))
        )
        found: list[tuple[float, int, Record]] = []
        horizon_s = float("inf")
        more: set[int] = set()
        for number in sorted(self._unread):
            source = self._sources[number]
            if not self._selection.wants_source(source):
                continue
            records, start, has_more = log_files.read_records(source, self._places[number], block_bytes)
            if start < self._places[number].offset:  # the file was replaced
                self._places[number] = Place(start)
            time_s = 0.0
            for record in records:
                time_s = max(time_s, record.time_s)  # a clock that is set back must not turn a file around
                found.append((time_s, number, record))
            if has_more:
                more.add(number)
                horizon_s = min(horizon_s, time_s) if records else horizon_s
        late = {number for time_s, number, _ in found if time_s > horizon_s}
        # lines of the same moment go together by task: a batch for each line would cost its client dearly
        found.sort(key=lambda item: (item[0] // _MOMENT_S, item[1]))
        batches = list(self._batches(item for item in found if item[0] <= horizon_s))
        ended = self._unread - more - late
        self._unread = more | late
        return batches + list(self._finish(ended))

    def _batches(self, found: Iterable[tuple[float, int, Record]]) -> Iterator[Batch]:
        """Groups neighbouring lines of the same task."""
        lines: list[Line] = []
        for _, number, record in found:
            source = self._sources[number]
            new, place = log_files.to_lines(source, self._places[number], record)
            wanted = [line for line in new if self._selection.wants(line)]
            if wanted and lines and (lines[0].task_id != wanted[0].task_id or len(lines) >= _BATCH_LINES):
                yield self._batch(lines)
                lines = []
            self._places[number] = place
            _extend(lines, wanted)
        if lines:
            yield self._batch(lines)

    def _finish(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """Forgets files that are read to their end and get no more."""
        for number in numbers:
            source = self._sources[number]
            if not source.is_final:
                continue
            lines, _ = log_files.last_lines(source, self._places[number], source.first_s)
            del self._places[number], self._sources[number], self._numbers[source.task_id]
            lines = [line for line in lines if self._selection.wants(line)]
            if lines:
                yield self._batch(lines)

    def _batch(self, lines: list[Line]) -> Batch:
        task_id = lines[0].task_id
        return task_id, lines[0].function_id or self.function_of(task_id), lines, self.entry_id()


def _extend(lines: list[Line], new: list[Line]) -> None:
    """Adds lines; one that goes on where the last one ended without a newline is joined to it."""
    if lines and new and lines[-1].fd == new[0].fd and not lines[-1].text.endswith("\n"):
        lines[-1] = lines[-1]._replace(text=lines[-1].text + new[0].text)
        new = new[1:]
    lines.extend(new)
