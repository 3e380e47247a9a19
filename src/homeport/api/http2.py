"""HTTP/2 as far as a gRPC server needs it: one connection, its streams, their windows.

Written for small messages, of which an answer is a single write, since two thirds of the engine's time in a
call went to the general gRPC libraries (plans/ADR-002 has the measurement). Headers are written as literals:
nothing of an answer's head is computed; reading them is left to header_decoder.py, what a request means to
grpc_server.py. RFC 9113 is followed where a client can tell; a client that breaks it loses its connection.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from homeport.api.body_parts import Parts
from homeport.api.header_decoder import HeaderDecoder, HeaderError

logger = logging.getLogger(__name__)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR = 0x0, 0x1, 0x3, 0x6
STREAM_CLOSED, REFUSED_STREAM, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 0x5, 0x7, 0x9, 0xB

_DEFAULT_WINDOW = 65_535
_MAX_WINDOW = 2**31 - 1
_MAX_FRAME = 1024 * 1024  # of what clients send
_STREAM_WINDOW = 8 * 1024 * 1024  # what a client may send before it is told to go on
_CONNECTION_WINDOW = 32 * 1024 * 1024
_MAX_STREAMS = 10_000
_MAX_HEADERS = 64 * 1024
_MAX_CONTINUATIONS = 64
_MAX_UNREAD = 8 * 1024 * 1024  # of short answers to a client that reads none
_GREETING_S = 20.0  # in which a client has to ask for something that it may
_GOODBYE_S = 5.0  # in which one that is hung up on may read what was written

_SETTING_INITIAL_WINDOW, _SETTING_MAX_FRAME = 0x4, 0x5


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """One frame as it goes over the wire."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream_id.to_bytes(4, "big") + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field as a literal without indexing (RFC 7541, 6.2.2): needs no table on either side."""
    return b"\x00" + _length(len(name)) + name + _length(len(value)) + value


def _length(number: int) -> bytes:
    """An integer with a 7-bit prefix (RFC 7541, 5.1), for strings that are not Huffman-coded."""
    if number < 0x7F:
        return bytes((number,))
    encoded, number = bytearray((0x7F,)), number - 0x7F
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


class BrokenProtocolError(Exception):
    """The client broke the protocol so that the connection cannot go on. `code` is HTTP/2's."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(slots=True, eq=False)
class Exchange:
    """One request and its answer: a stream. `task` works on the answer once the request is complete."""

    stream_id: int
    headers: dict[str, str]
    send_window: int
    body: bytes | bytearray = b""
    unacknowledged: int = 0
    is_complete: bool = False
    is_open: bool = True  # as long as something may be answered
    has_begun: bool = False  # the answer's head was sent
    refusal: Exception | None = None  # told once the request is complete: clients may trip over it earlier
    task: asyncio.Task[None] | None = None
    parts: Parts | None = None  # where the body is read while it comes


class Connection(asyncio.Protocol):
    """One client's connection.

    `on_headers` is called with each request's head, and may answer or refuse it: of a refused one's body
    nothing is kept. `on_request` is called once all of a request is there; `on_oversize` with one whose body
    grows beyond `max_body_bytes`, or is one too many for `room`, of which nothing more is kept.
    """

    def __init__(
        self,
        on_headers: Callable[["Connection", Exchange], None],
        on_request: Callable[["Connection", Exchange], None],
        on_oversize: Callable[["Connection", Exchange], None],
        max_body_bytes: int,
        room: "Room",
    ) -> None:
        self._on_headers = on_headers
        self._on_request = on_request
        self._on_oversize = on_oversize
        self._max_body_bytes = max_body_bytes
        self._bodies = room
        self._transport: asyncio.Transport
        self._decoder = HeaderDecoder(max_block_bytes=_MAX_HEADERS)
        self._buffer = bytearray()
        self._is_greeted = False
        self._last_id = 0
        self._block: tuple[int, int, bytearray] | None = None  # headers that go on in CONTINUATION
        self._continuations = 0
        self._unread = 0  # bytes written although the client does not read
        self._greeting: asyncio.TimerHandle | None = None
        self._unacknowledged = 0
        self._send_window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._max_frame = 16_384
        self._is_paused = False
        self._room: set[asyncio.Future[None]] = set()  # those who wait for a window or the transport
        self.exchanges: dict[int, Exchange] = {}
        self.peer = ""
        self.on_lost: Callable[[Connection], None] = lambda connection: None

    # ---- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = b"".join(
            number.to_bytes(2, "big") + value.to_bytes(4, "big")
            for number, value in (
                (0x3, _MAX_STREAMS),
                (_SETTING_INITIAL_WINDOW, _STREAM_WINDOW),
                (_SETTING_MAX_FRAME, _MAX_FRAME),
                (0x6, _MAX_HEADERS),
            )
        )
        more = (_CONNECTION_WINDOW - _DEFAULT_WINDOW).to_bytes(4, "big")
        transport.write(frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, more))
        self._greeting = asyncio.get_running_loop().call_later(_GREETING_S, self.close)

    def welcome(self) -> None:
        """The client may ask what it asks: its connection may stay, also without a request."""
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.welcome()
        for exchange in list(self.exchanges.values()):
            self._abandon(exchange)
        self._make_room()
        self.on_lost(self)

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._unread = 0
        self._make_room()

    def data_received(self, data: bytes) -> None:
        try:
            self._read(data)
        except BrokenProtocolError as fault:
            logger.info("a client at %s broke HTTP/2: %s", self.peer or "a socket", fault)
            self.close(fault.code)

    def close(self, code: int = NO_ERROR) -> None:
        """Says goodbye and hangs up; what was written before still arrives."""
        if not self._transport.is_closing():
            goodbye = self._last_id.to_bytes(4, "big") + code.to_bytes(4, "big")
            self._transport.write(frame(GOAWAY, 0, 0, goodbye))
            self._transport.close()
            asyncio.get_running_loop().call_later(_GOODBYE_S, self._transport.abort)

    # ---- reading

    def _read(self, data: bytes | bytearray) -> None:
        if self._buffer:
            self._buffer += data
            data = self._buffer
        position, end = 0, len(data)
        if not self._is_greeted:
            if not PREFACE.startswith(data[: len(PREFACE)]):
                raise BrokenProtocolError(PROTOCOL_ERROR, "it does not speak HTTP/2")
            if end < len(PREFACE):
                self._keep(data, 0)
                return
            self._is_greeted, position = True, len(PREFACE)
        while end - position >= 9:
            length = int.from_bytes(data[position : position + 3], "big")
            if length > _MAX_FRAME:
                raise BrokenProtocolError(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            start = position + 9
            if end - start < length:
                break
            kind, flags = data[position + 3], data[position + 4]
            stream_id = int.from_bytes(data[position + 5 : start], "big") & _MAX_WINDOW
            position = start + length
            self._take(kind, flags, stream_id, bytes(data[start:position]))
        self._keep(data, position)

    def _keep(self, data: bytes | bytearray, position: int) -> None:
        """Keeps what has not been read. Moves nothing while a frame is incomplete: a frame that comes byte by
        byte would cost a copy of it for each."""
        if data is self._buffer:
            del self._buffer[:position]
        else:
            self._buffer = bytearray(data[position:])

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is not None and (kind != CONTINUATION or stream_id != self._block[0]):
            raise BrokenProtocolError(PROTOCOL_ERROR, "a header block was interrupted")
        if not stream_id and kind in (DATA, HEADERS, RST_STREAM, CONTINUATION):
            raise BrokenProtocolError(PROTOCOL_ERROR, "a request on stream 0")
        if stream_id and kind in (SETTINGS, PING, GOAWAY):
            raise BrokenProtocolError(PROTOCOL_ERROR, "the connection's matters on a stream")
        if kind == DATA:
            self._take_data(flags, stream_id, payload)
        elif kind == HEADERS:
            block = _unpad(flags, payload)
            self._take_headers(flags, stream_id, block[5:] if flags & HAS_PRIORITY else block)
        elif kind == WINDOW_UPDATE:
            self._take_window(stream_id, payload)
        elif kind == SETTINGS:
            self._take_settings(flags, payload)
        elif kind == PING:
            if len(payload) != 8:
                raise BrokenProtocolError(FRAME_SIZE_ERROR, "a ping that has not 8 bytes")
            if not flags & ACK:
                self._say(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            if len(payload) != 4:
                raise BrokenProtocolError(FRAME_SIZE_ERROR, "a reset that has not 4 bytes")
            self._check_begun(stream_id)
            exchange = self.exchanges.get(stream_id)
            if exchange is not None:
                self._abandon(exchange)
        elif kind == CONTINUATION:
            self._take_continuation(flags, stream_id, payload)
        elif kind == PUSH:
            raise BrokenProtocolError(PROTOCOL_ERROR, "a client cannot push")
        # PRIORITY, GOAWAY (the client asks for nothing more) and unknown kinds need no answer

    def _take_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        if not stream_id % 2:
            raise BrokenProtocolError(PROTOCOL_ERROR, f"a request on stream {stream_id}")
        if flags & END_HEADERS:
            self._take_block(flags, stream_id, block)
        else:
            self._block = (stream_id, flags, bytearray(block))
            self._continuations = 0

    def _take_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is None:
            raise BrokenProtocolError(PROTOCOL_ERROR, "headers go on that never began")
        _, first_flags, block = self._block
        block += payload
        self._continuations += 1
        if len(block) > _MAX_HEADERS or self._continuations > _MAX_CONTINUATIONS:
            raise BrokenProtocolError(PROTOCOL_ERROR, "headers are too long")
        if flags & END_HEADERS:
            self._block = None
            self._take_block(first_flags, stream_id, bytes(block))

    def _take_block(self, flags: int, stream_id: int, block: bytes) -> None:
        try:
            headers = self._decoder.decode(block)
        except HeaderError as error:
            raise BrokenProtocolError(COMPRESSION_ERROR, f"headers that cannot be read: {error}") from None
        exchange = self.exchanges.get(stream_id)
        if exchange is None:
            if stream_id <= self._last_id:
                return  # of a stream that was answered already
            self._last_id = stream_id
            exchange = Exchange(stream_id, headers, self._initial_window)
            if len(self.exchanges) >= _MAX_STREAMS:
                self._reset(stream_id, REFUSED_STREAM)
                return
            self.exchanges[stream_id] = exchange
            exchange.is_complete = bool(flags & END_STREAM)
            self._on_headers(self, exchange)
            if exchange.is_complete and exchange.is_open and exchange.parts is None:
                self._on_request(self, exchange)
        elif exchange.is_complete:
            raise BrokenProtocolError(STREAM_CLOSED, f"headers on stream {stream_id} after its end")
        elif flags & END_STREAM:
            self._complete(exchange)

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._unacknowledged += len(payload)
        if self._unacknowledged >= _CONNECTION_WINDOW // 2:
            self._say(frame(WINDOW_UPDATE, 0, 0, self._unacknowledged.to_bytes(4, "big")))
            self._unacknowledged = 0
        self._check_begun(stream_id)
        exchange = self.exchanges.get(stream_id)
        if exchange is None:
            return  # of a stream that was answered already
        if exchange.is_complete:
            raise BrokenProtocolError(STREAM_CLOSED, f"data on stream {stream_id} after its end")
        exchange.unacknowledged += len(payload)
        if exchange.unacknowledged > _STREAM_WINDOW:
            raise BrokenProtocolError(FLOW_CONTROL_ERROR, f"more data on stream {stream_id} than its window")
        if not self._add_to_body(exchange, _unpad(flags, payload)):
            self._on_oversize(self, exchange)
        elif flags & END_STREAM:
            self._complete(exchange)
        elif exchange.parts is not None:
            return  # acknowledged as it is read; padding stays, which no client of ours sends
        elif exchange.unacknowledged >= _STREAM_WINDOW // 2:
            self._say(frame(WINDOW_UPDATE, 0, stream_id, exchange.unacknowledged.to_bytes(4, "big")))
            exchange.unacknowledged = 0

    def _add_to_body(self, exchange: Exchange, payload: bytes) -> bool:
        """Whether there is room for it."""
        if exchange.refusal is not None:
            return True
        if len(exchange.body) + len(payload) > self._max_body_bytes or not self._bodies.take(len(payload)):
            return False
        if exchange.parts is not None:
            exchange.parts.put(payload)
        elif not exchange.body:
            exchange.body = payload
        else:
            if isinstance(exchange.body, bytes):
                exchange.body = bytearray(exchange.body)
            exchange.body += payload
        return True

    def take_body(self, exchange: Exchange) -> bytes | bytearray:
        """A request's body, of which this keeps nothing."""
        body, exchange.body = exchange.body, b""
        self._bodies.give(len(body))
        if exchange.parts is not None:
            self._bodies.give(exchange.parts.drop())
        return body

    def _check_begun(self, stream_id: int) -> None:
        if stream_id > self._last_id or not stream_id % 2:
            raise BrokenProtocolError(PROTOCOL_ERROR, f"stream {stream_id} is not open")

    def _complete(self, exchange: Exchange) -> None:
        if not exchange.is_complete:
            exchange.is_complete = True
            if exchange.parts is not None:
                exchange.parts.end()
            else:
                self._on_request(self, exchange)

    def read_in_parts(self, exchange: Exchange) -> Parts:
        """The body of a request that has just begun, as it comes. A client that is ahead of its reader by a
        stream's window waits."""
        assert not exchange.body, "its body has begun already"

        def taken(size: int) -> None:
            self._bodies.give(size)
            exchange.unacknowledged -= size
            if exchange.is_open and not exchange.is_complete:
                self._say(frame(WINDOW_UPDATE, 0, exchange.stream_id, size.to_bytes(4, "big")))

        exchange.parts = Parts(taken)
        if exchange.is_complete:
            exchange.parts.end()
        return exchange.parts

    def _take_window(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise BrokenProtocolError(FRAME_SIZE_ERROR, "a window update that has not 4 bytes")
        more = int.from_bytes(payload, "big") & _MAX_WINDOW
        if not more:
            raise BrokenProtocolError(PROTOCOL_ERROR, "a window update by nothing")
        if not stream_id:
            self._send_window += more
            if self._send_window > _MAX_WINDOW:
                raise BrokenProtocolError(FLOW_CONTROL_ERROR, "the connection's window is too large")
        else:
            self._check_begun(stream_id)
            if (exchange := self.exchanges.get(stream_id)) is not None:
                self._widen(exchange, more)
        self._make_room()

    def _widen(self, exchange: Exchange, more: int) -> None:
        exchange.send_window += more
        if exchange.send_window > _MAX_WINDOW:
            raise BrokenProtocolError(FLOW_CONTROL_ERROR, "a stream's window is too large")

    def _take_settings(self, flags: int, payload: bytes) -> None:
        if flags & ACK:
            if payload:
                raise BrokenProtocolError(FRAME_SIZE_ERROR, "an acknowledgement that says more")
            return
        if len(payload) % 6:
            raise BrokenProtocolError(FRAME_SIZE_ERROR, "settings of an odd length")
        for start in range(0, len(payload), 6):
            number = int.from_bytes(payload[start : start + 2], "big")
            value = int.from_bytes(payload[start + 2 : start + 6], "big")
            if number == _SETTING_INITIAL_WINDOW:
                if value > _MAX_WINDOW:
                    raise BrokenProtocolError(FLOW_CONTROL_ERROR, "the initial window is too large")
                for exchange in self.exchanges.values():
                    self._widen(exchange, value - self._initial_window)
                self._initial_window = value
            elif number == _SETTING_MAX_FRAME:
                if not 16_384 <= value <= 2**24 - 1:
                    raise BrokenProtocolError(PROTOCOL_ERROR, f"frames of {value} bytes")
                self._max_frame = value
        self._say(frame(SETTINGS, ACK, 0, b""))
        self._make_room()

    # ---- answering

    def answer(self, exchange: Exchange, head: bytes, body: bytes, tail: bytes) -> bool:
        """Sends a whole answer at once, `head` and `tail` being header blocks. False where it has to go in
        parts."""
        if not exchange.is_open:
            return True
        size = len(body)
        if self._is_paused or size > min(self._send_window, exchange.send_window, self._max_frame):
            return False
        self._send_window -= size
        number = exchange.stream_id
        self._transport.write(
            frame(HEADERS, END_HEADERS, number, head)
            + frame(DATA, 0, number, body)
            + _headers(END_STREAM, number, tail)
        )
        self._close(exchange)
        return True

    def begin(self, exchange: Exchange, head: bytes) -> None:
        """Sends an answer's head, once."""
        if not exchange.has_begun:
            exchange.has_begun = True
            self._say(frame(HEADERS, END_HEADERS, exchange.stream_id, head))

    async def send(self, exchange: Exchange, body: bytes) -> None:
        """Sends a part of an answer, as fast as the client takes it."""
        position = 0
        while position < len(body) and exchange.is_open:
            size = min(len(body) - position, self._send_window, exchange.send_window, self._max_frame)
            if size <= 0 or self._is_paused:
                await self._wait_for_room()
                continue
            self._send_window -= size
            exchange.send_window -= size
            part = body[position : position + size]
            self._transport.write(frame(DATA, 0, exchange.stream_id, part))
            position += size

    def finish(self, exchange: Exchange, tail: bytes) -> None:
        """Sends an answer's last header block; nothing where the client is gone."""
        if exchange.is_open:
            self._say(_headers(END_STREAM, exchange.stream_id, tail))
            self._close(exchange)

    def _close(self, exchange: Exchange) -> None:
        exchange.is_open = False
        if not exchange.is_complete:  # the client may stop sending
            self._reset(exchange.stream_id, NO_ERROR)
        self.exchanges.pop(exchange.stream_id, None)
        self.take_body(exchange)

    def _abandon(self, exchange: Exchange) -> None:
        """The client does not want the answer any more."""
        exchange.is_open = False
        self.exchanges.pop(exchange.stream_id, None)
        self.take_body(exchange)
        if exchange.task is not None:
            exchange.task.cancel()

    def _reset(self, stream_id: int, code: int) -> None:
        self._say(frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big")))

    def _say(self, frames: bytes) -> None:
        """Writes without waiting for the client to read: only so much, since it is kept until then."""
        if self._is_paused:
            self._unread += len(frames)
            if self._unread > _MAX_UNREAD:
                logger.info("a client at %s asks without reading the answers", self.peer or "a socket")
                self.close(ENHANCE_YOUR_CALM)
                return
        self._transport.write(frames)

    def _make_room(self) -> None:
        for waiter in self._room:
            if not waiter.done():
                waiter.set_result(None)
        self._room.clear()

    async def _wait_for_room(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room.add(waiter)
        try:
            await waiter
        finally:
            self._room.discard(waiter)


class Room:
    """How much may be kept of requests that have not arrived completely, by all connections of a server."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def take(self, size_bytes: int) -> bool:
        if size_bytes > self._left:
            return False
        self._left -= size_bytes
        return True

    def give(self, size_bytes: int) -> None:
        self._left += size_bytes


def _headers(flags: int, stream_id: int, block: bytes) -> bytes:
    """A header block in as many frames as it needs: those of 16 KiB every client takes."""
    parts = [block[start : start + 16_384] for start in range(0, len(block), 16_384)]
    if len(parts) == 1:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    between = b"".join(frame(CONTINUATION, 0, stream_id, part) for part in parts[1:-1])
    return (
        frame(HEADERS, flags, stream_id, parts[0])
        + between
        + frame(CONTINUATION, END_HEADERS, stream_id, parts[-1])
    )


def _unpad(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise BrokenProtocolError(PROTOCOL_ERROR, "more padding than frame")
    return payload[1 : len(payload) - payload[0]]
