"""What containers ask of the engine, each through its own socket: inputs, and where results go.

`ContainerStop` comes from both sides: from the user who stops a container, and from code in a container that
wants no more inputs.
"""

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.containers import Containers
from homeport.model.errors import PermissionDeniedError


class ContainerServicer:
    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    async def ContainerHello(self, request: Empty, caller: Caller) -> Empty:
        self._containers.hello(_task(caller))
        return Empty()

    async def ContainerHeartbeat(
        self, request: api_pb2.ContainerHeartbeatRequest, caller: Caller
    ) -> api_pb2.ContainerHeartbeatResponse:
        cancelled = await self._containers.heartbeat(_task(caller))
        if not cancelled:
            return api_pb2.ContainerHeartbeatResponse()
        return api_pb2.ContainerHeartbeatResponse(
            cancel_input_event=api_pb2.CancelInputEvent(input_ids=cancelled)
        )

    async def FunctionGetInputs(
        self, request: api_pb2.FunctionGetInputsRequest, caller: Caller
    ) -> api_pb2.FunctionGetInputsResponse:
        claimed = await self._containers.next_inputs(
            _task(caller),
            limit=max(1, request.batch_max_size),
            linger_s=request.batch_linger_ms / 1000,
            request_key=caller.metadata.get("x-idempotency-key", ""),
        )
        response = api_pb2.FunctionGetInputsResponse()
        if claimed is None:
            response.inputs.add(kill_switch=True)
            return response
        for item in claimed:
            entry = item.entry
            added = response.inputs.add(
                input_id=entry.input_id,
                function_call_id=entry.call.call_id,
                function_call_invocation_type=entry.call.invocation,
                retry_count=entry.attempt,
                function_map_idx=entry.idx,
            )
            added.input.MergeFromString(item.payload)
        return response

    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest, caller: Caller) -> Empty:
        task_id, items = _task(caller), list(request.outputs)
        if self._containers.before_outputs is not None:
            await self._containers.before_outputs([item.input_id for item in items])
        self._containers.put_outputs(task_id, items)
        return Empty()

    async def FunctionGetDynamicConcurrency(
        self, request: api_pb2.FunctionGetDynamicConcurrencyRequest, caller: Caller
    ) -> api_pb2.FunctionGetDynamicConcurrencyResponse:
        # one machine has no other container to send inputs to while one is between target and maximum
        return api_pb2.FunctionGetDynamicConcurrencyResponse(concurrency=request.max_concurrency)

    async def TaskResult(self, request: api_pb2.TaskResultRequest, caller: Caller) -> Empty:
        self._containers.failed_to_start(_task(caller), request.result)
        return Empty()

    async def TaskCurrentInputs(self, request: Empty, caller: Caller) -> api_pb2.TaskCurrentInputsResponse:
        return api_pb2.TaskCurrentInputsResponse(input_ids=self._containers.current_inputs(_task(caller)))

    async def ContainerStop(
        self, request: api_pb2.ContainerStopRequest, caller: Caller
    ) -> api_pb2.ContainerStopResponse:
        if caller.task_id is not None and request.task_id != caller.task_id:
            raise PermissionDeniedError("A container may stop no container but itself.")
        await self._containers.stop(request.task_id, graceful=request.graceful)
        return api_pb2.ContainerStopResponse()


def _task(caller: Caller) -> str:
    if caller.task_id is None:
        raise PermissionDeniedError("This request belongs to a container; it came from outside.")
    return caller.task_id
