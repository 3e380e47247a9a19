"""RPCs of logs: following an app or a container, and reading its past."""

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.log_files import Line, Selection
from homeport.control.logs import LogBatch, Logs
from homeport.model.errors import InvalidError, NotServedError
from homeport.plan.log_records import SYSTEM

_MOST_LINES = 20_000  # what clients ask for at once
_MOST_BUCKETS = 100_000
_MOST_CHARACTERS = 16 * 1024 * 1024  # of one answer: four bytes each still fit into a message


class LogServicer:
    def __init__(self, logs: Logs) -> None:
        self._logs = logs

    async def AppGetLogs(
        self, request: api_pb2.AppGetLogsRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        selection = self._selection(request, request.file_descriptor)
        stream = self._logs.stream(request.app_id, selection, request.last_entry_id, request.timeout)
        async with aclosing(stream):
            async for batch in stream:
                yield encode(batch)

    async def AppFetchLogs(
        self, request: api_pb2.AppFetchLogsRequest, caller: Caller
    ) -> api_pb2.AppFetchLogsResponse:
        since_s, until_s = _range(request)
        lines = await self._logs.fetch(
            request.app_id,
            self._selection(request, request.source),
            since_s,
            until_s,
            min(request.limit or _MOST_LINES, _MOST_LINES),
        )
        return api_pb2.AppFetchLogsResponse(batches=_batches(_that_fit(lines)))

    async def AppCountLogs(
        self, request: api_pb2.AppCountLogsRequest, caller: Caller
    ) -> api_pb2.AppCountLogsResponse:
        since_s, until_s = _range(request)
        bucket_s = request.bucket_secs
        if bucket_s < 1 or (until_s - since_s) / bucket_s > _MOST_BUCKETS:
            span_s = until_s - since_s
            raise InvalidError(f"Logs of {span_s:.0f} s cannot be counted in steps of {bucket_s} s.")
        counts = await self._logs.count(
            request.app_id, self._selection(request, request.source), since_s, until_s, bucket_s
        )
        response = api_pb2.AppCountLogsResponse(app_id=request.app_id)
        # empty ones too: the client takes neighbours in the list for neighbours in time
        first, last = min(counts, default=0), max(counts, default=-1)
        for start in range(first, last + 1, bucket_s):
            stdout, stderr, system = counts.get(start, (0, 0, 0))
            bucket = response.buckets.add(stdout_logs=stdout, stderr_logs=stderr, system_logs=system)
            bucket.bucket_start_at.seconds = start
        return response

    def _selection(self, request: Any, file_descriptor: int) -> Selection:
        """Raises NotServedError for a filter that cannot be honoured, NotFoundError for a sandbox."""
        for name in ("parametrized_function_id", "input_id"):
            if getattr(request, name, ""):
                raise NotServedError(f"Homeport does not serve logs by {name.replace('_', ' ')} yet.")
        task_id = request.task_id
        if request.sandbox_id:
            task_id = self._logs.task_of_sandbox(request.sandbox_id)
        return Selection(
            file_descriptor, task_id, request.function_id, request.search_text, request.function_call_id
        )


def _range(request: Any) -> tuple[float, float]:
    since, until = request.since, request.until
    return since.seconds + since.nanos / 1e9, until.seconds + until.nanos / 1e9


def encode(batch: LogBatch) -> api_pb2.TaskLogsBatch:
    message = api_pb2.TaskLogsBatch(
        task_id=batch.task_id,
        function_id=batch.function_id,
        entry_id=batch.entry_id,
        app_done=batch.is_app_done,
        items=[_item(line) for line in batch.lines],
    )
    if batch.task_state:
        message.items.add(task_state=api_pb2.TaskState.ValueType(batch.task_state))
    return message


def _item(line: Line) -> api_pb2.TaskLogs:
    return api_pb2.TaskLogs(
        data=line.text,
        file_descriptor=api_pb2.FileDescriptor.ValueType(line.fd),
        timestamp=line.time_s,
        timestamp_ns=int(line.time_s * 1e9),
        container_id=line.task_id,
        function_call_id=line.call_id,
        input_id=line.input_id,
    )


def _that_fit(lines: list[Line]) -> list[Line]:
    """The newest lines that one message can hold, with a word about those left out."""
    room = _MOST_CHARACTERS
    for index in range(len(lines) - 1, -1, -1):
        room -= len(lines[index].text)
        if room < 0:
            said = f"[{index + 1} earlier lines are too long to be sent at once; ask for a shorter time]\n"
            oldest = lines[index]._replace(text=said, fd=SYSTEM)
            return [oldest, *lines[index + 1 :]]
    return lines


def _batches(lines: Iterable[Line]) -> list[api_pb2.TaskLogsBatch]:
    """Neighbouring lines of the same container go together."""
    batches: list[api_pb2.TaskLogsBatch] = []
    for line in lines:
        if not batches or batches[-1].task_id != line.task_id:
            batches.append(api_pb2.TaskLogsBatch(task_id=line.task_id, function_id=line.function_id))
        batches[-1].items.append(_item(line))
    return batches
