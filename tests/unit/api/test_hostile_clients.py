"""The gRPC server under clients that mean harm: what they may cost, and that others are served meanwhile."""

import asyncio
import random
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import grpc
import grpc.aio
import hpack
import pytest

from homeport.api import grpc_server, http2
from homeport.api.grpc_server import GrpcServer, Method, Request, RpcError, Status

MIB = 1 << 20
LIMIT = 4 * MIB
HELLO = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0, b"")
RAW = {"request_serializer": None, "response_deserializer": None}


async def echo(request: Request) -> bytes:
    return request.body


async def fill(request: Request) -> AsyncIterator[bytes]:
    while True:
        yield bytes(MIB)


async def lament(request: Request) -> bytes:
    raise RpcError(Status.NOT_FOUND, "\udc80 " + "ü" * 50_000)


METHODS = {
    "/s/Echo": Method(echo),
    "/s/Fill": Method(fill, streams=True),
    "/s/Lament": Method(lament),
}


def admit(headers: dict[str, str]) -> None:
    if headers.get("x-token") != "good":
        raise RpcError(Status.UNAUTHENTICATED, "Show the token.")


def with_server(test: Callable[[int], Awaitable[None]], limit: int = LIMIT) -> None:
    async def run() -> None:
        server = GrpcServer(METHODS.get, max_message_bytes=limit, admit=admit)
        port = server.listen("127.0.0.1:0")
        await server.start()
        try:
            async with asyncio.timeout(30):
                await test(port)
                await serves(port)
        finally:
            await server.stop(0.0)

    asyncio.run(run())


async def serves(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/s/Echo", **RAW)
        assert await call(b"still here", metadata=[("x-token", "good")]) == b"still here"


def head(stream_id: int, path: str = "/s/Echo", flags: int = 0, **more: str) -> bytes:
    """A request's headers, with the token unless another is given. A block of its own: no table is used."""
    fields = {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        "x-token": "good",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    block = b"".join(http2.literal(name.encode(), value.encode("latin-1")) for name, value in fields.items())
    return http2.frame(http2.HEADERS, http2.END_HEADERS | flags, stream_id, block)


def data(stream_id: int, payload: bytes, flags: int = 0) -> bytes:
    return http2.frame(http2.DATA, flags, stream_id, payload)


async def until(reader: asyncio.StreamReader, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        more = await reader.read(1 << 16)
        assert more, f"the server hung up after {seen[-200:]!r}"
        seen += more
    return seen


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Everything until the server hangs up."""
    seen = b""
    try:
        while more := await reader.read(1 << 16):
            seen = (seen + more)[-1000:]
    except ConnectionResetError:
        pass
    return seen


def goodbye(code: int) -> bytes:
    return code.to_bytes(4, "big")


def test_nothing_is_kept_of_what_a_stranger_sends():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        writer.write(HELLO)
        for number in range(100):  # each of them below the limit for one message
            stream_id = 2 * number + 1
            writer.write(head(stream_id, x_token="bad"))
            for _ in range(12):
                writer.write(data(stream_id, bytes(256 * 1024)))
                await writer.drain()
        writer.write(data(1, b"", http2.END_STREAM))
        await until(reader, http2.literal(b"grpc-status", b"16"))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 80 * 1024
        writer.close()

    with_server(test)


def test_half_sent_requests_of_all_streams_together_have_a_limit():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO)
        for number in range(6):
            writer.write(head(2 * number + 1) + data(2 * number + 1, bytes(MIB)) * 3)
        await until(reader, http2.literal(b"grpc-status", b"8"))
        writer.close()

    with_server(test)


def test_a_body_in_tiny_parts_needs_no_more_memory_than_its_bytes():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        writer.write(HELLO + head(1))
        for _ in range(100):
            writer.write((data(1, b"") + data(1, b"x", 0)) * 4000)
            await writer.drain()
        await asyncio.sleep(0.1)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20 * 1024
        writer.close()
        del reader

    with_server(test)


def test_a_frame_that_comes_byte_by_byte_is_not_copied_for_each():
    connection = http2.Connection(
        lambda *_: None, lambda *_: None, lambda *_: None, LIMIT, http2.Room(10 * LIMIT)
    )
    connection._is_greeted = True
    connection._last_id = 1
    framed = data(1, bytes(MIB - 1))
    connection.data_received(framed[:MIB])
    started = time.process_time()
    for _ in range(5000):
        connection.data_received(b"")
    assert time.process_time() - started < 0.2  # a copy of a megabyte each took seconds


@pytest.mark.parametrize(
    ("kind", "payload"), [(http2.PING, bytes(8)), (http2.SETTINGS, b"")], ids=["pings", "settings"]
)
def test_who_asks_without_reading_is_hung_up_on(monkeypatch, kind: int, payload: bytes):
    monkeypatch.setattr(http2, "_MAX_UNREAD", 256 * 1024)
    monkeypatch.setattr(http2, "_GOODBYE_S", 0.2)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        writer.write(HELLO)
        with pytest.raises(ConnectionError):
            while True:
                writer.write(http2.frame(kind, 0, 0, payload) * 4000)
                await writer.drain()
        writer.close()
        del reader

    with_server(test)


def test_a_reader_who_never_reads_gets_no_more_than_fits(monkeypatch):
    async def test(port: int) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
        wide = (4).to_bytes(2, "big") + (2**31 - 1).to_bytes(4, "big")
        widest = http2.frame(http2.WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big"))
        writer.write(HELLO + http2.frame(http2.SETTINGS, 0, 0, wide) + widest)
        for number in range(20):
            stream_id = 2 * number + 1
            writer.write(head(stream_id, "/s/Fill") + data(stream_id, bytes(5), http2.END_STREAM))
        await asyncio.sleep(1)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 * 1024
        writer.close()
        del reader

    with_server(test)


def test_who_never_shows_the_token_does_not_stay(monkeypatch):
    monkeypatch.setattr(http2, "_GREETING_S", 0.3)

    async def test(port: int) -> None:
        silent, _w1 = await asyncio.open_connection("127.0.0.1", port)
        stranger, w2 = await asyncio.open_connection("127.0.0.1", port)
        known, w3 = await asyncio.open_connection("127.0.0.1", port)
        w2.write(HELLO + head(1, x_token="bad") + data(1, bytes(5), http2.END_STREAM))
        w3.write(HELLO + head(1) + data(1, bytes(5), http2.END_STREAM))
        await rest(silent)
        assert http2.literal(b"grpc-status", b"16") in await rest(stranger)
        await until(known, http2.literal(b"grpc-status", b"0"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(known.read(1), 0.3)
        for writer in (_w1, w2, w3):
            writer.close()

    with_server(test)


def test_streams_opened_and_reset_at_once_leave_nothing():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # what a stream's answer is before its reset is read must not use up the last one's window
        writer.write(HELLO + http2.frame(http2.WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big")))
        reset = (8).to_bytes(4, "big")
        for number in range(5000):
            stream_id = 2 * number + 1
            request = head(stream_id, "/s/Fill") + data(stream_id, bytes(5), http2.END_STREAM)
            writer.write(request + http2.frame(http2.RST_STREAM, 0, stream_id, reset))
            if not number % 100:
                await writer.drain()
        writer.write(head(20_001) + data(20_001, bytes(5), http2.END_STREAM))
        await until(reader, http2.literal(b"grpc-status", b"0"))
        writer.close()

    with_server(test)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (http2.frame(http2.RST_STREAM, 0, 1, bytes(4)), 1),  # 6.4: of an idle stream
        (head(1) + http2.frame(http2.RST_STREAM, 0, 1, bytes(3)), 6),
        (http2.frame(http2.RST_STREAM, 0, 0, bytes(4)), 1),
        (http2.frame(http2.WINDOW_UPDATE, 0, 5, (1).to_bytes(4, "big")), 1),  # 6.9: of an idle stream
        (head(1) + http2.frame(http2.WINDOW_UPDATE, 0, 1, (2**31 - 1).to_bytes(4, "big")), 3),
        (head(1) + http2.frame(http2.SETTINGS, 0, 0, b"\0\x04\xff\xff\xff\xff"), 3),
        (http2.frame(http2.SETTINGS, 0, 1, b""), 1),
        (http2.frame(http2.SETTINGS, http2.ACK, 0, bytes(6)), 6),
        (http2.frame(http2.SETTINGS, 0, 0, b"\0\x05\0\0\0\x01"), 1),
        (http2.frame(http2.PING, 0, 1, bytes(8)), 1),
        (http2.frame(http2.GOAWAY, 0, 1, bytes(8)), 1),
        (data(0, b"x"), 1),
        (head(3, "/s/Fill") + data(3, bytes(5), http2.END_STREAM) + data(3, b"more"), 5),  # 5.1
        (head(3, "/s/Fill") + data(3, bytes(5), http2.END_STREAM) + head(3), 5),
        (
            http2.frame(http2.HEADERS, 0, 1, b"") + http2.frame(http2.CONTINUATION, 0, 1, b"") * 100,
            1,
        ),
        (head(1) + data(1, bytes(MIB)), 3),  # more than the stream's window, in one go
    ],
)
def test_clauses_of_rfc_9113(sent: bytes, code: int, monkeypatch):
    if code == 3 and len(sent) > MIB:
        monkeypatch.setattr(http2, "_STREAM_WINDOW", MIB // 2)

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO + sent)
        await writer.drain()
        answer = await rest(reader)
        assert http2.frame(http2.GOAWAY, 0, 0, bytes(8))[:9] in answer
        assert answer.endswith(goodbye(code)), answer[-20:]
        writer.close()

    with_server(test, limit=64 * MIB)


def test_a_window_that_shrinks_below_nothing_holds_answers_back_until_it_is_open():
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = b"\0" + (100_000).to_bytes(4, "big") + bytes(100_000)
        writer.write(HELLO + head(1) + data(1, body, http2.END_STREAM))
        got = 0
        while got < 65_535:
            got += await _data_frame(reader)
        none = http2.frame(http2.SETTINGS, 0, 0, b"\0\x04\0\0\0\x05")
        more = http2.frame(http2.WINDOW_UPDATE, 0, 0, (1_000_000).to_bytes(4, "big"))
        grown = http2.frame(http2.WINDOW_UPDATE, 0, 1, (65_530).to_bytes(4, "big"))  # to exactly 0
        writer.write(none + more + grown)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_data_frame(reader), 0.3)
        writer.write(http2.frame(http2.WINDOW_UPDATE, 0, 1, (1_000_000).to_bytes(4, "big")))
        await until(reader, http2.literal(b"grpc-status", b"0"))
        writer.close()

    with_server(test)


async def _data_frame(reader: asyncio.StreamReader) -> int:
    """Reads up to the next frame of data, and answers its length."""
    while True:
        top = await reader.readexactly(9)
        length = int.from_bytes(top[:3], "big")
        await reader.readexactly(length)
        if top[3] == http2.DATA:
            return length


@pytest.mark.parametrize("timeout", ["²S", "9" * 5000 + "H", "S", "-1S", "1.5S", "99999999H", "10 S"])
def test_a_timeout_that_is_none_harms_nothing(timeout: str):
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HELLO + head(1, grpc_timeout=timeout) + data(1, bytes(5), http2.END_STREAM))
        await until(reader, http2.literal(b"grpc-status", b"0"))
        writer.close()

    with_server(test)


def test_a_long_and_odd_sentence_still_arrives_at_a_client():
    async def test(port: int) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await channel.unary_unary("/s/Lament", **RAW)(b"", metadata=[("x-token", "good")])
            assert refusal.value.code() == grpc.StatusCode.NOT_FOUND
            assert (refusal.value.details() or "").startswith("? üüü")

    with_server(test)


def test_a_long_header_block_goes_in_frames_of_16_kib():
    block = bytes(40_000)
    parts, at, sent = [], 0, http2._headers(http2.END_STREAM, 7, block)
    while at < len(sent):
        length = int.from_bytes(sent[at : at + 3], "big")
        parts.append((sent[at + 3], sent[at + 4], length))
        at += 9 + length
    assert parts == [
        (http2.HEADERS, http2.END_STREAM, 16_384),
        (http2.CONTINUATION, 0, 16_384),
        (http2.CONTINUATION, http2.END_HEADERS, 7232),
    ]


def test_mutated_frames_never_end_the_server(caplog, monkeypatch):
    """A few seconds of what a client could send, damaged; the seed is in the failure's message."""
    monkeypatch.setattr(http2, "_GOODBYE_S", 0.2)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)

    async def test(port: int) -> None:
        deadline = time.monotonic() + 3
        rounds = 0
        while time.monotonic() < deadline:
            rounds += 1
            await asyncio.gather(*(attack(port, mutated(chance)) for _ in range(8)))
        assert rounds > 5, seed

    with_server(test)
    assert "Traceback" not in caplog.text and "Fatal" not in caplog.text, (seed, caplog.text[-2000:])


def mutated(chance: random.Random) -> bytes:
    encoder = hpack.Encoder()
    frames = []
    for number in range(chance.randrange(1, 12)):
        stream_id = chance.choice((2 * number + 1, 1, 0, 2, 2**31 - 1))
        fields = [(":path", chance.choice(tuple(METHODS))), ("content-type", "application/grpc")]
        fields += [("x-token", chance.choice(("good", "bad"))), ("grpc-timeout", f"{number}m")]
        payload = chance.choice(
            (
                encoder.encode(fields, huffman=chance.random() < 0.5),
                bytes(5),
                b"\0\0\0\0\x02ab",
                chance.randbytes(chance.randrange(40)),
                b"\0\x04" + chance.randbytes(4),
            )
        )
        kind = chance.choice((0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255))
        flags = chance.choice((0, 1, 4, 5, 5, 8, 0x20, 0x2D, chance.randrange(256)))
        frames.append(http2.frame(kind, flags, stream_id, payload))
        if chance.random() < 0.6:
            valid = 2 * number + 1
            frames.append(http2.frame(http2.HEADERS, 4, valid, encoder.encode(fields)))
            frames.append(http2.frame(http2.DATA, chance.choice((0, 1)), valid, b"\0\0\0\0\x02ab"))
    sent = bytearray(HELLO + b"".join(frames))
    for _ in range(chance.choice((0, 0, 1, 3))):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    return bytes(sent[: chance.choice((len(sent), chance.randrange(len(sent))))])


async def attack(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        middle = len(sent) // 2
        writer.write(sent[:middle])
        await asyncio.sleep(0)
        writer.write(sent[middle:])
        async with asyncio.timeout(0.05):
            await reader.read(1 << 16)
            await reader.read(1 << 16)
    except (TimeoutError, ConnectionError):
        pass
    writer.close()


def test_a_refusal_does_not_depend_on_how_the_request_is_cut():
    """The whole-message check, with the prefix split across frames."""

    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        message = b"\0\0\0\0\x03abc"
        writer.write(HELLO + head(1))
        for index, byte in enumerate(message):
            last = http2.END_STREAM if index == len(message) - 1 else 0
            writer.write(http2.frame(http2.DATA, http2.PADDED | last, 1, b"\x02" + bytes((byte,)) + b"\0\0"))
        assert message in await until(reader, http2.literal(b"grpc-status", b"0"))
        writer.write(head(3) + data(3, b"\0\0\0\0\x04abc", http2.END_STREAM))
        await until(reader, http2.literal(b"grpc-status", b"3"))
        writer.close()

    with_server(test)


def test_the_sentence_is_cut_between_characters():
    quoted = grpc_server._quoted("%" * 5000)
    assert len(quoted) <= grpc_server._MAX_SENTENCE
    assert quoted.endswith(b"%25 ...")
