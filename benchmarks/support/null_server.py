"""A server for the real client, and for the real container entrypoint, that does nothing: the reference.

It answers the RPCs of `modal run`, warm calls, maps, log streams and volume transfers from memory, at once,
through the gRPC server that the engine uses, so what a client spends against it is the client's own. Every
call's result is the pickled number 1; nothing is executed and nothing is stored.

As a process: `python -m benchmarks.support.null_server` prints one JSON line with its addresses. With
`--unix PATH` it passes inputs from the client to the containers on that socket and results back as they come,
all in memory: the least that any server has to do in a call.
"""

import argparse
import asyncio
import json
import pickle
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2
from modal_proto import task_command_router_pb2 as router_pb2

from benchmarks.support.null_http import start_http
from homeport.api.grpc_server import GrpcServer, Method, Request
from homeport.wire.service import CLIENT, COMMAND_ROUTER, Rpc, rpcs

RESULT = pickle.dumps(1, protocol=4)
BLOCK_BYTES = 8 * 1024 * 1024
SUCCESS = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
APP_ID = "ap-" + "n" * 22
_TOKEN = "e30.eyJleHAiOiA5OTk5OTk5OTk5fQ.null"  # says that it never expires
FUNCTION_ID = "fu-" + "n" * 22


@dataclass
class _Call:
    """A function call's outputs so far; `changed` wakes who waits for more."""

    outputs: list[api_pb2.FunctionGetOutputsItem] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class NullServicer:
    """The RPCs, each answered from memory."""

    def __init__(self, http_url: str, file_bytes: int, log_lines: int, log_interval_s: float) -> None:
        self.server_url = ""
        self._http_url = http_url
        self._file_bytes = file_bytes
        self._log_lines = log_lines
        self._log_interval_s = log_interval_s
        self._calls: dict[str, _Call] = {}
        self._metadata: dict[str, api_pb2.FunctionHandleMetadata] = {}
        self._items: deque[bytes] = deque()  # of the one Queue that there is
        self._done = asyncio.Event()
        self._log_wanted = asyncio.Event()

    async def ClientHello(self, request: Any) -> Any:
        return api_pb2.ClientHelloResponse()

    async def EnvironmentGetOrCreate(self, request: Any) -> Any:
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id="en-null",
            metadata=api_pb2.EnvironmentMetadata(
                name="main", settings=api_pb2.EnvironmentSettings(image_builder_version="2025.06")
            ),
        )

    async def AppCreate(self, request: Any) -> Any:
        self._done.clear()
        return api_pb2.AppCreateResponse(
            app_id=APP_ID, app_page_url="http://null", app_logs_url="http://null"
        )

    async def AppHeartbeat(self, request: Any) -> Any:
        return Empty()

    async def AppPublish(self, request: Any) -> Any:
        return api_pb2.AppPublishResponse(url="http://null")

    async def AppClientDisconnect(self, request: Any) -> Any:
        self._done.set()
        return Empty()

    async def AppGetLogs(self, request: Any) -> AsyncIterator[Any]:
        """Lines that hold their own time once a function is called, then the end of the app's log."""
        if self._log_lines:
            await self._log_wanted.wait()
        for number in range(self._log_lines):
            await asyncio.sleep(self._log_interval_s)
            yield api_pb2.TaskLogsBatch(
                task_id="ta-null",
                entry_id=f"{number}-1",
                items=[
                    api_pb2.TaskLogs(
                        data=f"at {time.time():.6f}\n",
                        file_descriptor=api_pb2.FILE_DESCRIPTOR_STDOUT,
                        timestamp=time.time(),
                    )
                ],
            )
        self._log_wanted.clear()
        await self._done.wait()
        yield api_pb2.TaskLogsBatch(app_done=True)

    async def MountGetOrCreate(self, request: Any) -> Any:
        return api_pb2.MountGetOrCreateResponse(
            mount_id="mo-null", handle_metadata=api_pb2.MountHandleMetadata(content_checksum_sha256_hex="0")
        )

    async def MountBatchedCheckExistence(self, request: Any) -> Any:
        return api_pb2.MountBatchedCheckExistenceResponse()

    async def MountPutFile(self, request: Any) -> Any:
        return api_pb2.MountPutFileResponse(exists=True)

    async def ImageGetOrCreate(self, request: Any) -> Any:
        return api_pb2.ImageGetOrCreateResponse(
            image_id="im-null",
            result=api_pb2.GenericResult(status=SUCCESS),
            metadata=api_pb2.ImageMetadata(image_builder_version="2025.06"),
        )

    async def FunctionPrecreate(self, request: Any) -> Any:
        metadata = api_pb2.FunctionHandleMetadata(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
            definition_id="de-null",
            app_id=APP_ID,
        )
        function_id = f"{FUNCTION_ID[:-3]}{len(self._metadata):03d}"
        self._metadata[function_id] = metadata
        return api_pb2.FunctionPrecreateResponse(function_id=function_id, handle_metadata=metadata)

    async def FunctionCreate(self, request: Any) -> Any:
        function_id = request.existing_function_id
        data = api_pb2.FunctionData()
        if request.HasField("function_data"):
            data.CopyFrom(request.function_data)
        else:
            data.ranked_functions.add().function.CopyFrom(request.function)
        return api_pb2.FunctionCreateResponse(
            function_id=function_id, handle_metadata=self._metadata[function_id], function_data=data
        )

    async def ClassCreate(self, request: Any) -> Any:
        return api_pb2.ClassCreateResponse(class_id="cs-null", handle_metadata=api_pb2.ClassHandleMetadata())

    async def FunctionMap(self, request: Any) -> Any:
        self._log_wanted.set()
        call_id = f"fc-{len(self._calls)}"
        self._calls[call_id] = _Call()
        return api_pb2.FunctionMapResponse(
            function_call_id=call_id,
            function_call_jwt=call_id,
            pipelined_inputs=self._answer(call_id, request.pipelined_inputs),
            max_inputs_outstanding=1000,
        )

    async def FunctionPutInputs(self, request: Any) -> Any:
        return api_pb2.FunctionPutInputsResponse(
            inputs=self._answer(request.function_call_id, request.inputs)
        )

    def _answer(self, call_id: str, items: Any) -> list[api_pb2.FunctionPutInputsResponseItem]:
        call = self._calls[call_id]
        answers = []
        for item in items:
            input_id = f"in-{call_id}-{item.idx}"
            call.outputs.append(
                api_pb2.FunctionGetOutputsItem(
                    result=api_pb2.GenericResult(status=SUCCESS, data=RESULT),
                    idx=item.idx,
                    input_id=input_id,
                    data_format=api_pb2.DATA_FORMAT_PICKLE,
                )
            )
            answers.append(
                api_pb2.FunctionPutInputsResponseItem(idx=item.idx, input_id=input_id, input_jwt=input_id)
            )
        call.changed.set()
        return answers

    async def FunctionGetOutputs(self, request: Any) -> Any:
        call = self._calls[request.function_call_id]
        seen = int(request.last_entry_id.split("-")[0] or 0) if not request.HasField("start_idx") else 0
        if self._log_lines and request.HasField("start_idx"):
            await asyncio.sleep(self._log_lines * self._log_interval_s)
        while len(call.outputs) <= seen and request.timeout:
            call.changed.clear()
            try:
                async with asyncio.timeout(request.timeout):
                    await call.changed.wait()
            except TimeoutError:
                break
        outputs = call.outputs[seen:]
        return api_pb2.FunctionGetOutputsResponse(
            outputs=outputs, idxs=[item.idx for item in outputs], last_entry_id=f"{len(call.outputs)}-0"
        )

    async def QueueGetOrCreate(self, request: Any) -> Any:
        return api_pb2.QueueGetOrCreateResponse(queue_id="qu-null")

    async def QueuePut(self, request: Any) -> Any:
        self._items.extend(request.values)
        return Empty()

    async def QueueGet(self, request: Any) -> Any:
        return api_pb2.QueueGetResponse(values=[self._items.popleft()])

    async def VolumeGetOrCreate(self, request: Any) -> Any:
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id="vo-null",
            version=api_pb2.VOLUME_FS_VERSION_V2,
            metadata=api_pb2.VolumeMetadata(version=api_pb2.VOLUME_FS_VERSION_V2, name="null"),
        )

    async def VolumePutFiles2(self, request: Any) -> Any:
        """Every block is missing until the client shows that it was sent to the sink."""
        answer = api_pb2.VolumePutFiles2Response()
        for file_index, file in enumerate(request.files):
            for block_index, block in enumerate(file.blocks):
                if not block.HasField("put_response"):
                    answer.missing_blocks.add(
                        file_index=file_index, block_index=block_index, put_url=f"{self._http_url}/sink"
                    )
        return answer

    async def VolumeListFiles2(self, request: Any) -> AsyncIterator[Any]:
        yield api_pb2.VolumeListFiles2Response(
            entries=[
                api_pb2.FileEntry(
                    path=request.path.strip("/"), type=api_pb2.FileEntry.FILE, size=self._file_bytes
                )
            ]
        )

    async def AuthTokenGet(self, request: Any) -> Any:
        return api_pb2.AuthTokenGetResponse(token=_TOKEN)

    async def SecretGetOrCreate(self, request: Any) -> Any:
        return api_pb2.SecretGetOrCreateResponse(secret_id="st-null")

    async def SandboxCreateV2(self, request: Any) -> Any:
        return api_pb2.SandboxCreateV2Response(
            sandbox_id="sb-null", task_id="ta-null", metadata=api_pb2.SandboxHandleMetadata(app_id=APP_ID)
        )

    async def SandboxGetCommandRouterAccess(self, request: Any) -> Any:
        return api_pb2.SandboxGetCommandRouterAccessResponse(url=self.server_url, jwt=_TOKEN)

    async def VolumeGetFile2(self, request: Any) -> Any:
        blocks = -(-self._file_bytes // BLOCK_BYTES)
        return api_pb2.VolumeGetFile2Response(
            get_urls=[f"{self._http_url}/file/{number}" for number in range(blocks)],
            size=self._file_bytes,
            start=0,
            len=self._file_bytes,
        )


class NullRouter:
    """The command router: every command is a shell that shows its prompt and ends with the first input."""

    def __init__(self) -> None:
        self._typed = asyncio.Event()

    async def TaskExecStart(self, request: Any) -> Any:
        self._typed.clear()
        return router_pb2.TaskExecStartResponse()

    async def TaskExecStdioRead(self, request: Any) -> AsyncIterator[Any]:
        if request.file_descriptor == router_pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDOUT:
            yield router_pb2.TaskExecStdioReadResponse(data=b"root@modal:~# ")
        await self._typed.wait()

    async def TaskExecStdinWrite(self, request: Any) -> Any:
        self._typed.set()
        return router_pb2.TaskExecStdinWriteResponse()


class RelayServicer(NullServicer):
    """Client and container at once: inputs go to the container, its outputs to the client, from memory."""

    def __init__(self) -> None:
        super().__init__("", 0, 0, 0.0)
        self._inputs: asyncio.Queue[api_pb2.FunctionGetInputsItem] = asyncio.Queue()
        self._origins: dict[str, tuple[str, int]] = {}  # input id -> its call and index

    def _answer(self, call_id: str, items: Any) -> list[api_pb2.FunctionPutInputsResponseItem]:
        answers = []
        for item in items:
            input_id = f"in-{call_id}-{item.idx}"
            self._origins[input_id] = (call_id, item.idx)
            self._inputs.put_nowait(
                api_pb2.FunctionGetInputsItem(input_id=input_id, function_call_id=call_id, input=item.input)
            )
            answers.append(
                api_pb2.FunctionPutInputsResponseItem(idx=item.idx, input_id=input_id, input_jwt=input_id)
            )
        return answers

    async def ContainerHello(self, request: Any) -> Any:
        return Empty()

    async def ContainerHeartbeat(self, request: Any) -> Any:
        return api_pb2.ContainerHeartbeatResponse()

    async def FunctionGetInputs(self, request: Any) -> Any:
        return api_pb2.FunctionGetInputsResponse(inputs=[await self._inputs.get()])

    async def FunctionPutOutputs(self, request: Any) -> Any:
        for item in request.outputs:
            call_id, idx = self._origins.pop(item.input_id)
            call = self._calls[call_id]
            call.outputs.append(
                api_pb2.FunctionGetOutputsItem(
                    result=item.result, idx=idx, input_id=item.input_id, data_format=item.data_format
                )
            )
            call.changed.set()
        return Empty()


def _server(servicer: object) -> GrpcServer:
    """A server for the servicer's methods; other RPCs are unknown to it."""
    methods = {}
    for service, owner in ((CLIENT, servicer), (COMMAND_ROUTER, NullRouter())):
        for name, rpc in rpcs(service).items():
            serve: Callable[[Any], Any] | None = getattr(owner, name, None)
            if serve is not None:
                made = _stream(serve, rpc) if rpc.server_streams else _unary(serve, rpc)
                methods[f"/{service.full_name}/{name}"] = Method(made, streams=rpc.server_streams)
    return GrpcServer(methods.get, max_message_bytes=100 * 1024 * 1024)


def _unary(serve: Callable[[Any], Awaitable[Any]], rpc: Rpc) -> Any:
    async def answer(request: Request) -> bytes:
        encoded: bytes = (await serve(rpc.request.FromString(request.body))).SerializeToString()
        return encoded

    return answer


def _stream(serve: Callable[[Any], AsyncIterator[Any]], rpc: Rpc) -> Any:
    async def answers(request: Request) -> AsyncIterator[bytes]:
        async for message in serve(rpc.request.FromString(request.body)):
            yield message.SerializeToString()

    return answers


async def _main(arguments: argparse.Namespace) -> None:
    servicer: NullServicer
    if arguments.unix:
        servicer = RelayServicer()
    else:
        http_url = await start_http(arguments.file)
        size = arguments.file_bytes
        servicer = NullServicer(http_url, size, arguments.log_lines, arguments.log_interval)
    servers = [_server(servicer)]
    addresses = {"server_url": f"http://127.0.0.1:{servers[0].listen('127.0.0.1:0')}"}
    servicer.server_url = addresses["server_url"]
    if arguments.unix:
        servers.append(_server(servicer))
        servers[1].listen(f"unix:{arguments.unix}")
        addresses["container_url"] = f"unix://{arguments.unix}"
    for server in servers:
        await server.start()
    print(json.dumps(addresses), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unix", help="serve containers on this socket, too")
    parser.add_argument("--file", help="what the file server hands out, in blocks")
    parser.add_argument("--file-bytes", type=int, default=0)
    parser.add_argument("--log-lines", type=int, default=0, help="lines that every app's log shows")
    parser.add_argument("--log-interval", type=float, default=0.05, help="seconds between them")
    try:
        asyncio.run(_main(parser.parse_args()))
    except KeyboardInterrupt:
        pass
