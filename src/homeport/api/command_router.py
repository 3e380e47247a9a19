"""The command router: commands in containers, their input and output.

A service of its own on Modal's workers; here it has the engine's address. A token that TaskServicer gave out
is good for the container that it names and no other.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from modal_proto import task_command_router_pb2 as router_pb2

from homeport.api.gateway import Caller, bearer
from homeport.control.access import Access
from homeport.control.exec_requests import ExecRequests
from homeport.control.execs import STDERR, STDOUT, Execs
from homeport.control.sandbox_output import SandboxOutput
from homeport.control.volume_mounts import VolumeMounts
from homeport.model.errors import InvalidError, NotServedError, PermissionDeniedError
from homeport.runtime.engine import ExecEnd

_STREAMS = {
    router_pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDOUT: STDOUT,
    router_pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR: STDERR,
}


_SANDBOX_STREAMS = {
    router_pb2.SANDBOX_STDIO_FILE_DESCRIPTOR_STDOUT: STDOUT,
    router_pb2.SANDBOX_STDIO_FILE_DESCRIPTOR_STDERR: STDERR,
}


class CommandRouterServicer:
    def __init__(
        self,
        execs: Execs,
        requests: ExecRequests,
        access: Access,
        sandbox_output: SandboxOutput,
        volumes: VolumeMounts,
    ) -> None:
        self._volumes = volumes
        self._sandbox_output = sandbox_output
        self._execs = execs
        self._requests = requests
        self._access = access

    async def TaskExecStart(
        self, request: router_pb2.TaskExecStartRequest, caller: Caller
    ) -> router_pb2.TaskExecStartResponse:
        self._check(request, caller)
        await self._execs.start(request.task_id, self._requests.spec(request))
        return router_pb2.TaskExecStartResponse()

    async def TaskExecStdioRead(
        self, request: router_pb2.TaskExecStdioReadRequest, caller: Caller
    ) -> AsyncIterator[router_pb2.TaskExecStdioReadResponse]:
        self._check(request, caller)
        if request.file_descriptor not in _STREAMS:
            raise InvalidError(f"A command has no stream {request.file_descriptor}; 0 and 1 can be read.")
        output = self._execs.output(
            request.task_id, request.exec_id, _STREAMS[request.file_descriptor], request.offset
        )
        async with aclosing(output):  # type: ignore[type-var]
            async for data in output:
                yield router_pb2.TaskExecStdioReadResponse(data=data)

    async def TaskExecStdinWrite(
        self, request: router_pb2.TaskExecStdinWriteRequest, caller: Caller
    ) -> router_pb2.TaskExecStdinWriteResponse:
        self._check(request, caller)
        await self._execs.write(
            request.task_id, request.exec_id, request.offset, request.data, is_last=request.eof
        )
        return router_pb2.TaskExecStdinWriteResponse()

    async def TaskExecStdinWriteStream(
        self, messages: AsyncIterator[router_pb2.TaskExecStdinWriteStreamRequest], caller: Caller
    ) -> router_pb2.TaskExecStdinWriteStreamResponse:
        """Only an explicit end closes the input: a stream that breaks can be taken up again."""
        start = await anext(messages, None)
        if start is None or start.WhichOneof("payload") != "start":
            raise InvalidError("A stream of input has to begin with the command that it is for.")
        self._check(start.start, caller)
        task_id, exec_id, offset = start.start.task_id, start.start.exec_id, start.start.offset
        async for message in messages:
            is_last = message.WhichOneof("payload") == "end"
            await self._execs.write(task_id, exec_id, offset, message.data, is_last=is_last)
            offset += len(message.data)
            if is_last:
                break
        return router_pb2.TaskExecStdinWriteStreamResponse()

    async def TaskExecStdinStatus(
        self, request: router_pb2.TaskExecStdinStatusRequest, caller: Caller
    ) -> router_pb2.TaskExecStdinStatusResponse:
        self._check(request, caller)
        status = await self._execs.input_status(request.task_id, request.exec_id)
        return router_pb2.TaskExecStdinStatusResponse(
            num_bytes_written=status.offset, closed=status.is_closed
        )

    async def TaskExecPoll(
        self, request: router_pb2.TaskExecPollRequest, caller: Caller
    ) -> router_pb2.TaskExecPollResponse:
        self._check(request, caller)
        end = self._execs.poll(request.task_id, request.exec_id)
        return router_pb2.TaskExecPollResponse(**({} if end is None else _status(end)))

    async def TaskExecWait(
        self, request: router_pb2.TaskExecWaitRequest, caller: Caller
    ) -> router_pb2.TaskExecWaitResponse:
        self._check(request, caller)
        return router_pb2.TaskExecWaitResponse(
            **_status(await self._execs.wait(request.task_id, request.exec_id))
        )

    async def SandboxStdioReadV2(
        self, request: router_pb2.SandboxStdioReadV2Request, caller: Caller
    ) -> AsyncIterator[router_pb2.SandboxStdioReadV2Response]:
        self._check(request, caller)
        offset = request.offset
        output = self._sandbox_output.read(
            request.task_id, _SANDBOX_STREAMS.get(request.file_descriptor, STDOUT), offset
        )
        async with aclosing(output):  # type: ignore[type-var]
            async for data in output:
                yield router_pb2.SandboxStdioReadV2Response(data=data, starting_offset=offset)
                offset += len(data)

    async def SandboxStdinWriteV2(
        self, request: router_pb2.SandboxStdinWriteV2Request, caller: Caller
    ) -> router_pb2.SandboxStdinWriteV2Response:
        self._check(request, caller)
        await self._execs.write(request.task_id, "", request.offset, request.data, is_last=request.eof)
        return router_pb2.SandboxStdinWriteV2Response()

    async def TaskReloadVolumes(
        self, request: router_pb2.TaskReloadVolumesRequest, caller: Caller
    ) -> router_pb2.TaskReloadVolumesResponse:
        self._check(request, caller)
        await self._volumes.reload_all(request.task_id)
        return router_pb2.TaskReloadVolumesResponse()

    def _check(self, request: Any, caller: Caller) -> None:
        """Raises PermissionDeniedError unless the token shown is for the request's container."""
        if self._access.subject(bearer(caller.metadata)) != request.task_id:
            raise PermissionDeniedError(
                f"The token that was shown is for another container than {request.task_id}."
            )
        if getattr(request, "container_id", ""):
            raise NotServedError("Homeport does not serve sidecar containers yet.")


def _status(end: ExecEnd) -> dict[str, Any]:
    return {"code": end.code} if end.signal is None else {"signal": end.signal}
