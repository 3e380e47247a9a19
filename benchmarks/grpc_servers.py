"""Which gRPC server: our own, grpcio's on asyncio or on threads, or grpclib's, under the client's calls.

The measurement behind plans/ADR-002: `python -m benchmarks.grpc_servers`. The client is grpclib, as in modal;
a server answers one small unary RPC and one stream, and nothing else. Servers take turns, block by block, so
that a busy moment of the machine hits all of them.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpclib.client
from google.protobuf.empty_pb2 import Empty
from modal_proto import api_grpc, api_pb2
from rich.console import Console
from rich.table import Table

from benchmarks.support.bench import REPOSITORY
from benchmarks.support.figures import median
from benchmarks.support.machine import describe
from benchmarks.support.processes import cpu_s, end, memory_mb

KINDS = ("homeport", "grpcio aio", "grpcio threads", "grpclib")
BLOCK = 300  # calls of a run, one after the other
CONCURRENT = 32
STREAMED = 2000  # messages of a run's stream
LARGE_BYTES = 2 * 1024 * 1024  # what a call carries inline at most
LARGE_CALLS = 10
EXTRA_SERVERS = 20
SERVICE = "modal.client.ModalClient"
UNARY, STREAM, LARGE = "FunctionGetInputs", "AppGetLogs", "FunctionPutOutputs"
OPTIONS = [("grpc.max_receive_message_length", 100 * 1024 * 1024)]
ITEM = api_pb2.FunctionGetInputsResponse(
    inputs=[api_pb2.FunctionGetInputsItem(input_id="in-" + "x" * 22, function_call_id="fc-" + "x" * 22)]
)
BATCH = api_pb2.TaskLogsBatch(entry_id="1-1", items=[api_pb2.TaskLogs(data="a line of a log\n")])


@dataclass
class Result:
    """One server on one kind of address; a value for each run."""

    sequential_ms: list[float] = field(default_factory=list)  # median of a block
    sequential_cpu_ms: list[float] = field(default_factory=list)  # the server's, for a call
    concurrent_rate: list[float] = field(default_factory=list)  # calls a second
    concurrent_cpu_ms: list[float] = field(default_factory=list)
    stream_rate: list[float] = field(default_factory=list)  # messages a second
    stream_cpu_ms: list[float] = field(default_factory=list)
    large_ms: list[float] = field(default_factory=list)  # median of a block
    large_cpu_ms: list[float] = field(default_factory=list)
    extra_server_ms: float = 0.0
    start_s: float = 0.0
    memory: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--serve", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(_serve(arguments.serve, arguments.address))
        return
    with tempfile.TemporaryDirectory(prefix="hpg-") as folder:
        for over in ("unix", "tcp"):
            results = asyncio.run(_compare(over, Path(folder), arguments.runs))
            _show(over, results)
    for key, value in describe("").items():
        print(f"{key}: {value}")


async def _compare(over: str, folder: Path, runs: int) -> dict[str, Result]:
    results = {kind: Result() for kind in KINDS}
    with ExitStack() as stack:
        channels = {}
        processes = {}
        for number, kind in enumerate(KINDS):
            address = str(folder / f"{over}{number}.sock") if over == "unix" else ""
            started = time.perf_counter()
            process = _start(kind, address)
            stack.callback(end, process)
            assert process.stdout is not None
            word = process.stdout.readline().split()
            results[kind].start_s = time.perf_counter() - started
            results[kind].extra_server_ms = float(word[1])
            channel = (
                grpclib.client.Channel(path=address)
                if address
                else grpclib.client.Channel("127.0.0.1", int(word[2]))
            )
            stack.callback(channel.close)
            channels[kind], processes[kind] = channel, process
        for run in range(runs + 1):
            for kind in KINDS:
                await _run(
                    channels[kind], processes[kind].pid, results[kind] if run else Result()
                )  # the first warms up
        for kind in KINDS:
            results[kind].memory = memory_mb(processes[kind].pid)["rss"]
    return results


async def _run(channel: grpclib.client.Channel, pid: int, result: Result) -> None:
    stub = api_grpc.ModalClientStub(channel)
    request = api_pb2.FunctionGetInputsRequest(function_id="fu-" + "x" * 22)
    metadata = {"x-modal-client-version": "1.6.4", "x-modal-token-id": "ak-x", "x-modal-token-secret": "as-x"}

    before, took = cpu_s(pid), []
    for _ in range(BLOCK):
        started = time.perf_counter()
        await stub.FunctionGetInputs(request, metadata=metadata)
        took.append(time.perf_counter() - started)
    result.sequential_ms.append(median(took) * 1e3)
    result.sequential_cpu_ms.append((cpu_s(pid) - before) / BLOCK * 1e3)

    async def worker() -> None:
        for _ in range(BLOCK // CONCURRENT):
            await stub.FunctionGetInputs(request, metadata=metadata)

    calls = BLOCK // CONCURRENT * CONCURRENT
    before, started = cpu_s(pid), time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(CONCURRENT)])
    result.concurrent_rate.append(calls / (time.perf_counter() - started))
    result.concurrent_cpu_ms.append((cpu_s(pid) - before) / calls * 1e3)

    before, started, count = cpu_s(pid), time.perf_counter(), 0
    async with stub.AppGetLogs.open(metadata=metadata) as stream:
        await stream.send_message(api_pb2.AppGetLogsRequest(app_id="ap-x"), end=True)
        async for _ in stream:
            count += 1
    assert count == STREAMED
    result.stream_rate.append(STREAMED / (time.perf_counter() - started))
    result.stream_cpu_ms.append((cpu_s(pid) - before) / STREAMED * 1e3)

    output = api_pb2.FunctionPutOutputsItem(result=api_pb2.GenericResult(data=bytes(LARGE_BYTES)))
    large = api_pb2.FunctionPutOutputsRequest(outputs=[output])
    before, took = cpu_s(pid), []
    for _ in range(LARGE_CALLS):
        started = time.perf_counter()
        await stub.FunctionPutOutputs(large, metadata=metadata)
        took.append(time.perf_counter() - started)
    result.large_ms.append(median(took) * 1e3)
    result.large_cpu_ms.append((cpu_s(pid) - before) / LARGE_CALLS * 1e3)


def _start(kind: str, address: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.grpc_servers", "--serve", kind, "--address", address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


async def _serve(kind: str, address: str) -> None:
    """One server until it is ended. Prints "ready", the milliseconds for one more server, the port."""
    makers = (_homeport, _grpcio_aio, _grpcio_threads, _grpclib)
    make = dict(zip(KINDS, makers, strict=True))[kind]
    kept, port = await make(address)
    extra_ms = []
    with tempfile.TemporaryDirectory(prefix="hpg-") as folder:
        for number in range(EXTRA_SERVERS):
            started = time.perf_counter()
            kept.append((await make(f"{folder}/{number}.sock"))[0])
            extra_ms.append((time.perf_counter() - started) * 1e3)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        print("ready", median(extra_ms), port, flush=True)
        await ended.wait()


async def _homeport(address: str) -> tuple[list[Any], int]:
    from homeport.api.grpc_server import GrpcServer, Method, Request

    async def unary(request: Request) -> bytes:
        api_pb2.FunctionGetInputsRequest.FromString(request.body)
        return ITEM.SerializeToString()

    async def large(request: Request) -> bytes:
        api_pb2.FunctionPutOutputsRequest.FromString(request.body)
        return b""

    async def stream(request: Request) -> AsyncIterator[bytes]:
        for _ in range(STREAMED):
            yield BATCH.SerializeToString()

    methods = {
        f"/{SERVICE}/{UNARY}": Method(unary),
        f"/{SERVICE}/{LARGE}": Method(large),
        f"/{SERVICE}/{STREAM}": Method(stream, streams=True),
    }
    server = GrpcServer(methods.get, max_message_bytes=100 * 1024 * 1024)
    port = server.listen(f"unix:{address}" if address else "127.0.0.1:0")
    await server.start()
    return [server], port


async def _grpcio_aio(address: str) -> tuple[list[Any], int]:
    import grpc.aio

    async def unary(request: Any, context: Any) -> Any:
        return ITEM

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        for _ in range(STREAMED):
            yield BATCH

    async def large(request: Any, context: Any) -> Any:
        return Empty()

    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((_grpcio_handlers(unary, stream, large),))
    port = server.add_insecure_port(f"unix:{address}" if address else "127.0.0.1:0")
    await server.start()
    return [server], port


async def _grpcio_threads(address: str) -> tuple[list[Any], int]:
    import grpc

    def unary(request: Any, context: Any) -> Any:
        return ITEM

    def stream(request: Any, context: Any) -> Iterator[Any]:
        for _ in range(STREAMED):
            yield BATCH

    def large(request: Any, context: Any) -> Any:
        return Empty()

    server = grpc.server(ThreadPoolExecutor(CONCURRENT), options=OPTIONS)
    server.add_generic_rpc_handlers((_grpcio_handlers(unary, stream, large),))
    port = server.add_insecure_port(f"unix:{address}" if address else "127.0.0.1:0")
    server.start()
    return [server], port


def _grpcio_handlers(unary: Any, stream: Any, large: Any) -> Any:
    import grpc

    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            UNARY: grpc.unary_unary_rpc_method_handler(
                unary,
                request_deserializer=api_pb2.FunctionGetInputsRequest.FromString,
                response_serializer=api_pb2.FunctionGetInputsResponse.SerializeToString,
            ),
            LARGE: grpc.unary_unary_rpc_method_handler(
                large,
                request_deserializer=api_pb2.FunctionPutOutputsRequest.FromString,
                response_serializer=Empty.SerializeToString,
            ),
            STREAM: grpc.unary_stream_rpc_method_handler(
                stream,
                request_deserializer=api_pb2.AppGetLogsRequest.FromString,
                response_serializer=api_pb2.TaskLogsBatch.SerializeToString,
            ),
        },
    )


async def _grpclib(address: str) -> tuple[list[Any], int]:
    import grpclib.config
    import grpclib.const
    import grpclib.server

    async def unary(stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(ITEM)

    async def large(stream: Any) -> None:
        await stream.recv_message()
        await stream.send_message(Empty())

    async def batches(stream: Any) -> None:
        await stream.recv_message()
        for _ in range(STREAMED):
            await stream.send_message(BATCH)

    class Service:
        def __mapping__(self) -> Any:
            return {
                f"/{SERVICE}/{UNARY}": grpclib.const.Handler(
                    unary,
                    grpclib.const.Cardinality.UNARY_UNARY,
                    api_pb2.FunctionGetInputsRequest,
                    api_pb2.FunctionGetInputsResponse,
                ),
                f"/{SERVICE}/{LARGE}": grpclib.const.Handler(
                    large,
                    grpclib.const.Cardinality.UNARY_UNARY,
                    api_pb2.FunctionPutOutputsRequest,
                    Empty,
                ),
                f"/{SERVICE}/{STREAM}": grpclib.const.Handler(
                    batches,
                    grpclib.const.Cardinality.UNARY_STREAM,
                    api_pb2.AppGetLogsRequest,
                    api_pb2.TaskLogsBatch,
                ),
            }

    config = grpclib.config.Configuration(
        http2_connection_window_size=16 * 1024 * 1024, http2_stream_window_size=16 * 1024 * 1024
    )
    server = grpclib.server.Server([Service()], config=config)
    if address:
        await server.start(path=address)
        return [server], 0
    await server.start("127.0.0.1", 0)
    assert server._server is not None
    return [server], server._server.sockets[0].getsockname()[1]


def _show(over: str, results: dict[str, Result]) -> None:
    table = Table(title=f"over {over}")
    for column in ("", *KINDS):
        table.add_column(column)
    rows = {
        "unary, one after the other: p50 ms": lambda r: median(r.sequential_ms),
        "server's CPU a call ms": lambda r: sum(r.sequential_cpu_ms) / len(r.sequential_cpu_ms),
        f"{CONCURRENT} at once: calls/s": lambda r: median(r.concurrent_rate),
        f"{CONCURRENT} at once: server's CPU a call ms": lambda r: (
            sum(r.concurrent_cpu_ms) / len(r.concurrent_cpu_ms)
        ),
        "stream: messages/s": lambda r: median(r.stream_rate),
        "stream: server's CPU a message ms": lambda r: sum(r.stream_cpu_ms) / len(r.stream_cpu_ms),
        "request of 2 MiB: p50 ms": lambda r: median(r.large_ms),
        "request of 2 MiB: server's CPU ms": lambda r: sum(r.large_cpu_ms) / len(r.large_cpu_ms),
        "one more server on a unix socket: ms": lambda r: r.extra_server_ms,
        "process started until ready: s": lambda r: r.start_s,
        "resident memory: MB": lambda r: r.memory,
    }
    for name, value in rows.items():
        table.add_row(name, *[f"{value(results[kind]):.3g}" for kind in KINDS])
    Console().print(table)


if __name__ == "__main__":
    main()
