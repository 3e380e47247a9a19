"""A server for the real client, and for the real container entrypoint, that does nothing: the reference.

It answers the RPCs of `modal run`, warm calls, maps, log streams and volume transfers from memory, at once,
on the gRPC library that the engine uses, so what a client spends against it is the client's own. Every call's
result is the pickled number 1; nothing is executed and nothing is stored.

As a process: `python -m benchmarks.support.null_server` prints one JSON line with its addresses. With
`--unix PATH --feed N` it feeds a container: WARM inputs, then the line "warm", then, after a line on stdin,
N more and the line "done".
"""

import argparse
import asyncio
import json
import pickle
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from benchmarks.support.null_http import start_http
from homeport.wire.service import SERVICE_NAME, rpcs

WARM = 100
RESULT = pickle.dumps(1, protocol=4)
BLOCK_BYTES = 8 * 1024 * 1024
SUCCESS = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
APP_ID = "ap-" + "n" * 22
FUNCTION_ID = "fu-" + "n" * 22


@dataclass
class _Call:
    """A function call's outputs so far; `changed` wakes who waits for more."""

    outputs: list[api_pb2.FunctionGetOutputsItem] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class NullServicer:
    """The RPCs, each answered from memory."""

    def __init__(self, http_url: str, file_bytes: int, log_lines: int, log_interval_s: float) -> None:
        self._http_url = http_url
        self._file_bytes = file_bytes
        self._log_lines = log_lines
        self._log_interval_s = log_interval_s
        self._calls: dict[str, _Call] = {}
        self._metadata: dict[str, api_pb2.FunctionHandleMetadata] = {}
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

    async def VolumeGetFile2(self, request: Any) -> Any:
        blocks = -(-self._file_bytes // BLOCK_BYTES)
        return api_pb2.VolumeGetFile2Response(
            get_urls=[f"{self._http_url}/file/{number}" for number in range(blocks)],
            size=self._file_bytes,
            start=0,
            len=self._file_bytes,
        )


class FeedServicer:
    """The container's side: inputs from memory, outputs counted and dropped."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._given = 0
        self._finished = 0
        self._go = asyncio.Event()
        self._changed = asyncio.Event()
        self._started_at = 0.0

    async def ContainerHello(self, request: Any) -> Any:
        return Empty()

    async def ContainerHeartbeat(self, request: Any) -> Any:
        return api_pb2.ContainerHeartbeatResponse()

    async def TaskResult(self, request: Any) -> Any:
        print(f"the container failed: {request.result.exception}", file=sys.stderr, flush=True)
        return Empty()

    async def FunctionGetInputs(self, request: Any) -> Any:
        if self._given == WARM:
            await self._wait_for_go()
        if self._given == WARM + self._count:
            return api_pb2.FunctionGetInputsResponse(inputs=[api_pb2.FunctionGetInputsItem(kill_switch=True)])
        self._given += 1
        return api_pb2.FunctionGetInputsResponse(
            inputs=[
                api_pb2.FunctionGetInputsItem(
                    input_id=f"in-{self._given}",
                    function_call_id="fc-null",
                    input=api_pb2.FunctionInput(
                        args=pickle.dumps(((self._given,), {}), protocol=4),
                        data_format=api_pb2.DATA_FORMAT_PICKLE,
                    ),
                    function_call_invocation_type=api_pb2.FUNCTION_CALL_INVOCATION_TYPE_SYNC,
                )
            ]
        )

    async def _wait_for_go(self) -> None:
        print("warm", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

    async def FunctionPutOutputs(self, request: Any) -> Any:
        self._finished += len(request.outputs)
        if self._finished == WARM + self._count:
            print("done", flush=True)
        return Empty()


def _handlers(servicer: object) -> Any:
    """Handlers for the servicer's methods; other RPCs are unknown to this server."""
    handlers = {}
    for name, rpc in rpcs().items():
        method: Callable[[Any], Awaitable[Any]] | None = getattr(servicer, name, None)
        if method is None:
            continue
        make = (
            grpc.unary_stream_rpc_method_handler
            if rpc.server_streams
            else grpc.unary_unary_rpc_method_handler
        )
        handlers[name] = make(
            _stream(method) if rpc.server_streams else _unary(method),
            request_deserializer=rpc.request.FromString,
            response_serializer=rpc.response.SerializeToString,
        )
    return grpc.method_handlers_generic_handler(SERVICE_NAME, handlers)


def _unary(method: Any) -> Any:
    async def serve(request: Any, context: Any) -> Any:
        return await method(request)

    return serve


def _stream(method: Any) -> Any:
    async def serve(request: Any, context: Any) -> Any:
        async for message in method(request):
            yield message

    return serve


async def _main(arguments: argparse.Namespace) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 100 * 1024 * 1024)])
    if arguments.unix:
        server.add_generic_rpc_handlers((_handlers(FeedServicer(arguments.feed)),))
        server.add_insecure_port(f"unix:{arguments.unix}")
        addresses = {"server_url": f"unix://{arguments.unix}"}
    else:
        http_url = await start_http(arguments.file)
        size = arguments.file_bytes
        servicer = NullServicer(http_url, size, arguments.log_lines, arguments.log_interval)
        server.add_generic_rpc_handlers((_handlers(servicer),))
        port = server.add_insecure_port("127.0.0.1:0")
        addresses = {"server_url": f"http://127.0.0.1:{port}"}
    await server.start()
    print(json.dumps(addresses), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unix", help="serve a container on this socket instead of clients on TCP")
    parser.add_argument("--feed", type=int, default=0, help="inputs for the container after the warm ones")
    parser.add_argument("--file", help="what the file server hands out, in blocks")
    parser.add_argument("--file-bytes", type=int, default=0)
    parser.add_argument("--log-lines", type=int, default=0, help="lines that every app's log shows")
    parser.add_argument("--log-interval", type=float, default=0.05, help="seconds between them")
    try:
        asyncio.run(_main(parser.parse_args()))
    except KeyboardInterrupt:
        pass
