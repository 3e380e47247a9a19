"""Says of lines which function call and input they belong to, from the times that inputs were claimed at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from homeport.control.log_files import Line
from homeport.model.errors import NotFoundError
from homeport.plan.log_spans import LATE_S, InFlight, Span
from homeport.store.database import Database

Spans = Mapping[str, Sequence[Span]]  # by the container's id


class LogCalls:
    """Asks the database, so it belongs to the engine's own thread; `owned` does not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spans(self, lines: Sequence[Line]) -> Spans:
        """What the containers that printed these lines worked on meanwhile."""
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for line in lines:
            first.setdefault(line.task_id, line.time_s)
            last[line.task_id] = line.time_s
        return {task_id: self._spans(task_id, first[task_id], last[task_id]) for task_id in first if task_id}

    def spans_of_call(self, call_id: str, since_s: float, until_s: float) -> Spans:
        """The same for all containers that worked on a call in a time range. Raises NotFoundError."""
        if self._database.one("log_call", call_id=call_id) is None:
            raise NotFoundError(f"Function call {call_id} does not exist, or its record was deleted.")
        return {
            row["task_id"]: self._spans(
                row["task_id"], max(since_s, row["since"]), min(until_s, row["until"] + LATE_S)
            )
            for row in self._database.all("log_places_of_call", call_id=call_id)
        }

    def _spans(self, task_id: str, since_s: float, until_s: float) -> list[Span]:
        rows = self._database.all(
            "log_spans_of_task", task_id=task_id, since=min(since_s, until_s) - LATE_S, until=until_s
        )
        return [Span(row["started_at"], row["finished_at"], row["input_id"], row["call_id"]) for row in rows]


def owned(lines: Iterable[Line], spans: Spans, call_id: str = "") -> Iterator[Line]:
    """The lines with their input and call; only those of one call, if asked for one."""
    flights = {task_id: InFlight(of_task) for task_id, of_task in spans.items()}
    for line in lines:
        flight = flights.get(line.task_id)
        flying = flight.at(line.time_s) if flight is not None else []
        if call_id and all(span.call_id != call_id for span in flying):
            continue
        if len(flying) == 1:
            line = line._replace(call_id=flying[0].call_id, input_id=flying[0].input_id)
        yield line
