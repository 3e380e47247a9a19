"""The gRPC server under two independent clients: grpcio's, on its C core, and grpclib, which modal uses."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import grpclib.client
import grpclib.const
import grpclib.exceptions
import hpack
import pytest
from google.protobuf.wrappers_pb2 import BytesValue

from homeport.api import http2
from homeport.api.grpc_server import GrpcServer, Method, Request, RpcError, Status

LIMIT = 16 * 1024 * 1024
HELLO = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0, b"")
RAW = {"request_serializer": None, "response_deserializer": None}


async def echo(request: Request) -> bytes:
    return request.body


async def refuse(request: Request) -> bytes:
    request.trailing.append(("x-modal-warning", "mind%20this"))
    raise RpcError(Status.NOT_FOUND, "Volume “données” does not exist: 100 % sure.")


async def warn(request: Request) -> bytes:
    request.trailing.append(("x-modal-warning", "mind%20this"))
    return request.metadata["x-name"].encode()


async def fail(request: Request) -> bytes:
    raise KeyError("a mistake of ours")


async def count(request: Request) -> AsyncIterator[bytes]:
    for number in range(int(request.body)):
        yield str(number).encode()


async def large(request: Request) -> AsyncIterator[bytes]:
    for _ in range(4):
        yield bytes(int(request.body))


class Waiting:
    """A method that waits for ever, and notes that it was entered and cancelled."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request: Request) -> bytes:
        self.entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""


async def total(request: Request) -> bytes:
    sizes = [len(body) async for body in request.messages()]
    return f"{len(sizes)} {sum(sizes)}".encode()


async def only_the_first(request: Request) -> bytes:
    return await anext(request.messages())


METHODS = {
    "/s/Total": Method(total, sends_many=True),
    "/s/First": Method(only_the_first, sends_many=True),
    "/s/Echo": Method(echo),
    "/s/Refuse": Method(refuse),
    "/s/Warn": Method(warn),
    "/s/Fail": Method(fail),
    "/s/Count": Method(count, streams=True),
    "/s/Large": Method(large, streams=True),
}


def with_server(test: Callable[[int], Awaitable[None]], **more: Method) -> None:
    """Runs a test against a server on loopback, in one loop with it, and sees that nothing is left."""

    async def run() -> None:
        table = {**METHODS, **{f"/s/{name}": method for name, method in more.items()}}
        server = GrpcServer(table.get, max_message_bytes=LIMIT)
        port = server.listen("127.0.0.1:0")
        await server.start()
        try:
            async with asyncio.timeout(20):
                await test(port)
        finally:
            await server.stop(0.2)

    asyncio.run(run())


def channel(port: int, **options: int) -> grpc.aio.Channel:
    given = [
        ("grpc.max_receive_message_length", 2 * LIMIT),
        ("grpc.max_send_message_length", 2 * LIMIT),
        *((f"grpc.{name}", value) for name, value in options.items()),
    ]
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=given)


def test_messages_of_many_sizes_come_back_whole():
    async def test(port: int) -> None:
        async with channel(port) as to:
            call = to.unary_unary("/s/Echo", **RAW)
            for size in (0, 1, 16_384, 65_535, 65_536, 1_000_000, LIMIT, LIMIT, LIMIT):
                body = bytes(range(256)) * (size // 256) + bytes(size % 256)
                assert await call(body) == body, size

    with_server(test)


def test_answers_respect_a_small_window_and_a_slow_reader():
    async def test(port: int) -> None:
        async with channel(port, **{"http2.lookahead_bytes": 65_535, "http2.bdp_probe": 0}) as to:
            got = []
            async for part in to.unary_stream("/s/Large", **RAW)(b"3000000"):
                got.append(len(part))
                await asyncio.sleep(0.02)
            assert got == [3_000_000] * 4

    with_server(test)


def test_many_calls_at_once_on_one_connection():
    async def test(port: int) -> None:
        async with channel(port) as to:
            call = to.unary_unary("/s/Echo", **RAW)
            bodies = [str(number).encode() * (number * 97 % 5000) for number in range(500)]
            assert await asyncio.gather(*(call(body) for body in bodies)) == bodies

    with_server(test)


def test_a_stream_arrives_in_order():
    async def test(port: int) -> None:
        async with channel(port) as to:
            got = [int(part) async for part in to.unary_stream("/s/Count", **RAW)(b"3000")]
            assert got == list(range(3000))

    with_server(test)


def test_a_client_sends_many_messages():
    async def test(port: int) -> None:
        async def messages(count: int, size: int) -> AsyncIterator[bytes]:
            for _ in range(count):
                yield bytes(size)

        async with channel(port) as to:
            call = to.stream_unary("/s/Total", **RAW)
            for count, size in ((0, 0), (1, 0), (500, 7), (300, 1_000_000)):
                assert await call(messages(count, size)) == f"{count} {count * size}".encode()
            assert await to.stream_unary("/s/First", **RAW)(messages(100, 1000)) == bytes(1000)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call(messages(1, LIMIT + 1))
            assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    with_server(test)


def test_a_client_that_is_ahead_of_its_reader_waits():
    go_on = asyncio.Event()
    kept = []

    async def slow(request: Request) -> bytes:
        await go_on.wait()
        kept.append(request.parts.size if request.parts else 0)
        return str(sum([len(body) async for body in request.messages()])).encode()

    async def test(port: int) -> None:
        sent = 0

        async def messages() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(100):
                yield bytes(1_000_000)
                sent += 1

        async with channel(port) as to:
            call = asyncio.ensure_future(to.stream_unary("/s/Slow", **RAW)(messages()))
            before = -1
            while before != sent or not sent:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 60
            go_on.set()
            assert await call == b"100000000"
            assert 0 < kept[0] <= 8 * 1024 * 1024

    with_server(test, Slow=Method(slow, sends_many=True))


def test_a_status_carries_its_sentence_and_metadata():
    async def test(port: int) -> None:
        async with channel(port) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await to.unary_unary("/s/Refuse", **RAW)(b"")
            assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
            assert refusal.value.details() == "Volume “données” does not exist: 100 % sure."
            assert ("x-modal-warning", "mind%20this") in tuple(refusal.value.trailing_metadata())

    with_server(test)


def test_metadata_goes_both_ways():
    async def test(port: int) -> None:
        async with channel(port) as to:
            call = to.unary_unary("/s/Warn", **RAW)(
                b"", metadata=[("x-name", "me"), ("x-long", "y" * 20_000)]
            )
            assert await call == b"me"
            assert ("x-modal-warning", "mind%20this") in tuple(await call.trailing_metadata())

    with_server(test)


def test_a_mistake_of_ours_is_internal_and_the_connection_goes_on(caplog):
    async def test(port: int) -> None:
        async with channel(port) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await to.unary_unary("/s/Fail", **RAW)(b"")
            assert refusal.value.code() == grpc.StatusCode.INTERNAL
            assert await to.unary_unary("/s/Echo", **RAW)(b"still here") == b"still here"

    with_server(test)
    assert "a mistake of ours" in caplog.text


def test_an_unknown_method_is_unimplemented():
    async def test(port: int) -> None:
        async with channel(port) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await to.unary_unary("/s/Nothing", **RAW)(b"")
            assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED

    with_server(test)


def test_a_message_above_the_limit_is_refused_and_the_connection_goes_on():
    async def test(port: int) -> None:
        async with channel(port) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await to.unary_unary("/s/Echo", **RAW)(bytes(LIMIT + 1))
            assert refusal.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await to.unary_unary("/s/Echo", **RAW)(b"still here") == b"still here"

    with_server(test)


def test_a_compressed_message_is_refused_by_name():
    async def test(port: int) -> None:
        async with channel(port) as to:
            call = to.unary_unary("/s/Echo", **RAW)
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await call(bytes(10_000), compression=grpc.Compression.Gzip)
            assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED

    with_server(test)


def test_a_deadline_ends_the_work_and_is_told():
    waiting = Waiting()

    async def test(port: int) -> None:
        async with channel(port) as to:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await to.unary_unary("/s/Wait", **RAW)(b"", timeout=0.1)
            assert refusal.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            await waiting.cancelled.wait()

    with_server(test, Wait=Method(waiting))


def test_a_deadline_holds_without_the_client_s_help():
    waiting = Waiting()
    headers = [
        (":method", "POST"),
        (":path", "/s/Wait"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", "50m"),
    ]

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        block = hpack.Encoder().encode(headers)
        writer.write(
            HELLO
            + http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block)
            + http2.frame(http2.DATA, http2.END_STREAM, 1, bytes(5))
        )
        seen = b""
        while http2.literal(b"grpc-status", b"4") not in seen:
            more = await reader.read(1000)
            assert more, "the server hung up"
            seen += more
        assert waiting.cancelled.is_set()
        writer.close()

    with_server(test, Wait=Method(waiting))


def test_a_client_that_cancels_or_leaves_ends_the_work():
    waiting, left = Waiting(), Waiting()

    async def test(port: int) -> None:
        to = channel(port)
        call = to.unary_unary("/s/Wait", **RAW)(b"")
        await waiting.entered.wait()
        call.cancel()
        await waiting.cancelled.wait()
        call = to.unary_unary("/s/Left", **RAW)(b"")
        await left.entered.wait()
        await to.close()
        await left.cancelled.wait()

    with_server(test, Wait=Method(waiting), Left=Method(left))


def test_stopping_ends_requests_that_wait():
    waiting = Waiting()

    async def run() -> None:
        server = GrpcServer({"/s/Wait": Method(waiting)}.get, max_message_bytes=LIMIT)
        port = server.listen("127.0.0.1:0")
        await server.start()
        async with channel(port) as to:
            call = asyncio.ensure_future(to.unary_unary("/s/Wait", **RAW)(b""))
            await waiting.entered.wait()
            await server.stop(0.05)
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        assert waiting.cancelled.is_set()

    asyncio.run(run())


def test_grpclib_over_a_unix_socket(tmp_path):
    async def run() -> None:
        server = GrpcServer(METHODS.get, max_message_bytes=LIMIT)
        server.listen(f"unix:{tmp_path}/s")
        await server.start()
        to = grpclib.client.Channel(path=f"{tmp_path}/s")
        try:
            call = grpclib.client.UnaryUnaryMethod(to, "/s/Echo", BytesValue, BytesValue)
            for size in (0, 10, 5_000_000):
                assert (await call(BytesValue(value=bytes(size)))).value == bytes(size)
            refused = grpclib.client.UnaryUnaryMethod(to, "/s/Refuse", BytesValue, BytesValue)
            with pytest.raises(grpclib.exceptions.GRPCError) as refusal:
                await refused(BytesValue())
            assert refusal.value.status is grpclib.const.Status.NOT_FOUND
            assert refusal.value.message == "Volume “données” does not exist: 100 % sure."
        finally:
            to.close()
            await server.stop()

    asyncio.run(run())


def test_a_taken_port_is_an_error():
    async def run() -> None:
        server = GrpcServer(METHODS.get, max_message_bytes=LIMIT)
        port = server.listen("127.0.0.1:0")
        other = GrpcServer(METHODS.get, max_message_bytes=LIMIT)
        with pytest.raises(OSError, match="in use"):
            other.listen(f"127.0.0.1:{port}")
        await server.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00" * 100,
        HELLO + http2.frame(http2.HEADERS, http2.END_HEADERS, 2, b"\x82"),
        HELLO + http2.frame(http2.HEADERS, http2.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        HELLO + http2.frame(http2.DATA, 0, 1, b"data that nobody asked for"),
        HELLO + http2.frame(http2.HEADERS, http2.END_HEADERS | http2.PADDED, 1, b"\xff\x82"),
        HELLO + http2.frame(http2.HEADERS, 0, 1, b"\x82") + http2.frame(http2.PING, 0, 0, bytes(8)),
        HELLO + http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, b"\x82"),
        HELLO
        + http2.frame(http2.HEADERS, 0, 1, b"\x82")
        + http2.frame(http2.CONTINUATION, 0, 1, bytes(70_000)),
        HELLO + http2.frame(http2.PING, 0, 0, b"short"),
        HELLO + http2.frame(http2.WINDOW_UPDATE, 0, 0, bytes(4)),
        HELLO + http2.frame(http2.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
        HELLO + http2.frame(http2.SETTINGS, 0, 0, b"odd"),
        HELLO + http2.frame(http2.PUSH, 0, 1, bytes(4)),
        HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    ],
)
def test_who_breaks_the_protocol_is_hung_up_on_and_others_go_on(sent: bytes):
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = await reader.read()  # until the server hangs up
        assert http2.frame(http2.GOAWAY, 0, 0, bytes(8))[:9] in answer
        writer.close()
        async with channel(port) as to:
            assert await to.unary_unary("/s/Echo", **RAW)(b"still here") == b"still here"

    with_server(test)


def test_what_arrives_byte_by_byte_is_understood_and_a_ping_is_answered():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HELLO + http2.frame(http2.PING, 0, 0, b"12345678"):
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.001)
        expected = http2.frame(http2.PING, http2.ACK, 0, b"12345678")
        seen = b""
        while expected not in seen:
            more = await reader.read(1000)
            assert more, "the server hung up"
            seen += more
        writer.close()

    with_server(test)
