"""The lines that a run's containers printed, from their log files."""

from collections.abc import Iterable, Iterator

from homeport.control.log_files import Line, Source, joined, read_records, to_lines
from homeport.model.home import Home
from homeport.plan.log_cursor import Place
from homeport.plan.log_records import SYSTEM


def run_lines(home: Home, task_ids: Iterable[str]) -> Iterator[str]:
    """Without their newlines, one container after the other; nothing of logs that are not kept any more."""
    for task_id in task_ids:
        source = Source(home.logs / f"{task_id}.log", 0, task_id, "", first_s=0.0, is_final=True)
        for line in joined(_pieces(source)):
            yield line.text.rstrip("\n")


def _pieces(source: Source) -> Iterator[Line]:
    place = Place(0)
    more = True
    while more:
        records, _, more = read_records(source, place)
        more = more and bool(records)
        for record in records:
            lines, place = to_lines(source, place, record)
            if record.fd != SYSTEM:
                yield from lines
