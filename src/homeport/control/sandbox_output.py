"""What a sandbox's own command prints, by the offsets of each of its streams.

Read from the task's log file, as everything that containers print; nothing is kept here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from homeport.control import log_files
from homeport.control.log_files import Source
from homeport.model.errors import NotFoundError
from homeport.model.home import Home
from homeport.plan.log_cursor import Place
from homeport.store.database import Database

_PIECE_BYTES = 128 * 1024


class SandboxOutput:
    """`changed(task_id)` returns once something of the task may have changed."""

    def __init__(self, home: Home, db: Database, changed: Callable[[str], Awaitable[None]]) -> None:
        self._home = home
        self._db = db
        self._changed = changed

    async def read(self, task_id: str, stream: int, offset: int) -> AsyncIterator[bytes]:
        """The stream from an offset on, to the end of the container. Raises NotFoundError."""
        place, position = Place(), 0
        while True:
            row = self._db.one("task_by_id", task_id=task_id)
            if row is None:
                raise NotFoundError(f"Container {task_id} does not exist on this engine.")
            is_final = row["finished_at"] is not None
            source = Source(self._home.logs / f"{task_id}.log", 0, task_id, "", 0.0, is_final)
            records, _, has_more = log_files.read_records(source, place)
            for record in records:
                place = Place(record.end)
                if record.fd != stream:
                    continue
                wanted = record.data[max(0, offset - position) :]
                position += len(record.data)
                for start in range(0, len(wanted), _PIECE_BYTES):
                    yield wanted[start : start + _PIECE_BYTES]
            if not records and not has_more:
                if is_final:
                    return
                await self._changed(task_id)
