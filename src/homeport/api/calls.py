"""Function calls as their callers see them: inputs in, results out, streams of generators, cancellation."""

from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.call_records import CallRecords
from homeport.control.calls import Calls
from homeport.control.chunks import Chunks
from homeport.control.containers import Containers
from homeport.control.runs.origins import Origin
from homeport.control.runs.runs import Runs
from homeport.model.errors import InvalidError, NotFoundError

_MAX_INPUTS_OUTSTANDING = 1000
_LONGEST_POLL_S = 55.0  # the client's own
_STREAM_S = 55.0  # the client opens the next stream where this one ends
_IN, _OUT = 0, 1


class CallServicer:
    def __init__(
        self, calls: Calls, chunks: Chunks, containers: Containers, records: CallRecords, runs: Runs
    ) -> None:
        self._runs = runs
        self._calls = calls
        self._chunks = chunks
        self._containers = containers
        self._records = records

    async def FunctionMap(
        self, request: api_pb2.FunctionMapRequest, caller: Caller
    ) -> api_pb2.FunctionMapResponse:
        if caller.task_id is None:
            await self._runs.caller(caller.peer, caller.metadata, request.function_id)
        call, placed = self._calls.create(
            request.function_id,
            request.function_call_type,
            request.function_call_invocation_type,
            request.parent_input_id,
            request.pipelined_inputs,
            is_of_spawn_map=request.from_spawn_map,
            origin=Origin("call", caller.peer),
        )
        return api_pb2.FunctionMapResponse(
            function_call_id=call.call_id,
            pipelined_inputs=_placed(placed),
            retry_policy=self._records.retry_policy(request.function_id),
            # the engine repeats failed inputs itself, the same for all kinds of calls
            sync_client_retries_enabled=False,
            max_inputs_outstanding=_MAX_INPUTS_OUTSTANDING,
        )

    async def FunctionPutInputs(
        self, request: api_pb2.FunctionPutInputsRequest, caller: Caller
    ) -> api_pb2.FunctionPutInputsResponse:
        placed = self._calls.put(request.function_call_id, request.inputs)
        return api_pb2.FunctionPutInputsResponse(inputs=_placed(placed))

    async def FunctionFinishInputs(
        self, request: api_pb2.FunctionFinishInputsRequest, caller: Caller
    ) -> Empty:
        self._calls.finish_inputs(request.function_call_id)
        return Empty()

    async def FunctionGetOutputs(
        self, request: api_pb2.FunctionGetOutputsRequest, caller: Caller
    ) -> api_pb2.FunctionGetOutputsResponse:
        indices = (request.start_idx, request.end_idx) if request.HasField("start_idx") else None
        self._containers.blocked(caller.task_id, +1)
        try:
            found = await self._calls.outputs(
                request.function_call_id,
                timeout_s=min(request.timeout, _LONGEST_POLL_S),
                after=_cursor(request.last_entry_id),
                indices=indices,
            )
        finally:
            self._containers.blocked(caller.task_id, -1)
        is_patient = request.timeout >= _LONGEST_POLL_S  # it would ask for them for ever
        if is_patient and not found.items and self._calls.is_expired(request.function_call_id):
            raise NotFoundError(
                f"The results of function call {request.function_call_id} are not kept any more: they are "
                "deleted after 7 days, or soon after a caller has them."
            )
        response = api_pb2.FunctionGetOutputsResponse(
            last_entry_id=f"{found.last_entry}-0", num_unfinished_inputs=found.unfinished
        )
        for item in found.items:
            output = response.outputs.add()
            output.MergeFromString(item)
            response.idxs.append(output.idx)
        if request.clear_on_success and (found.items or not request.HasField("start_idx")):
            self._calls.clear(request.function_call_id)
        return response

    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest, caller: Caller) -> Empty:
        self._calls.cancel(request.function_call_id, terminate=request.terminate_containers)
        return Empty()

    async def FunctionCallFromId(
        self, request: api_pb2.FunctionCallFromIdRequest, caller: Caller
    ) -> api_pb2.FunctionCallFromIdResponse:
        call = self._calls.facts(request.function_call_id)
        return api_pb2.FunctionCallFromIdResponse(
            function_call_id=call.call_id,
            num_inputs=call.total,
            metadata=api_pb2.FunctionCallHandleMetadata(app_id=call.app_id, function_id=call.function_id),
        )

    async def FunctionCallList(
        self, request: api_pb2.FunctionCallListRequest, caller: Caller
    ) -> api_pb2.FunctionCallListResponse:
        return api_pb2.FunctionCallListResponse(function_calls=self._records.of_function(request.function_id))

    async def FunctionCallGetInfo(
        self, request: api_pb2.FunctionCallGetInfoRequest, caller: Caller
    ) -> api_pb2.FunctionCallGetInfoResponse:
        return api_pb2.FunctionCallGetInfoResponse(info=self._records.of_call(request.function_call_id))

    async def FunctionGetCallGraph(
        self, request: api_pb2.FunctionGetCallGraphRequest, caller: Caller
    ) -> api_pb2.FunctionGetCallGraphResponse:
        return self._records.graph(request.function_call_id)

    async def FunctionCallPutDataOut(
        self, request: api_pb2.FunctionCallPutDataRequest, caller: Caller
    ) -> Empty:
        self._chunks.put(_call_id(request), _OUT, request.data_chunks)
        return Empty()

    async def FunctionCallGetDataOut(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.DataChunk]:
        async for chunk in self._stream(request, _OUT):
            yield chunk

    async def FunctionCallGetDataIn(
        self, request: api_pb2.FunctionCallGetDataRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.DataChunk]:
        async for chunk in self._stream(request, _IN):
            yield chunk

    async def _stream(
        self, request: api_pb2.FunctionCallGetDataRequest, direction: int
    ) -> AsyncIterator[api_pb2.DataChunk]:
        call_id, after = _call_id(request), request.last_index
        self._calls.facts(call_id)
        while True:
            chunks = await self._chunks.read(call_id, direction, after, _STREAM_S)
            if not chunks:
                return
            for data in chunks:
                chunk = api_pb2.DataChunk.FromString(data)
                after = chunk.index
                yield chunk


def _placed(placed: list[tuple[int, str]]) -> list[api_pb2.FunctionPutInputsResponseItem]:
    return [api_pb2.FunctionPutInputsResponseItem(idx=idx, input_id=input_id) for idx, input_id in placed]


def _cursor(entry_id: str) -> int:
    """The row behind an entry id such as "42-0"; "0-0" and nothing are the beginning."""
    head = entry_id.partition("-")[0] or "0"
    if not head.isdigit():
        raise InvalidError(f"{entry_id!r} is no cursor of this engine's.")
    return int(head)


def _call_id(request: api_pb2.FunctionCallPutDataRequest | api_pb2.FunctionCallGetDataRequest) -> str:
    if not request.function_call_id:
        raise InvalidError("The stream of a function call was asked for without the call's id.")
    return request.function_call_id
