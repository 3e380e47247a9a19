"""HTTP/1.1 for uvicorn that moves large bodies with little work: received into buffers that are used again,
sent by sendfile.

uvicorn's own protocol copies each byte of a body four times in Python objects. This one serves the same
applications: a body arrives in pieces of a megabyte, and `http.response.zerocopysend` (an extension of
ASGI's) sends a range of a file. Chunked request bodies are refused (411): every client of blobs and blocks
knows its lengths. Heads are h11's to parse.
"""

import asyncio
import logging
import os
import urllib.parse
from collections.abc import Callable, MutableMapping
from http import HTTPStatus
from typing import Any, BinaryIO

import h11

logger = logging.getLogger(__name__)

ZERO_COPY = "http.response.zerocopysend"
_HEAD_BYTES = 64 << 10
_PIECE_BYTES = 1 << 20
_PIECES = 16  # large buffers at most
_SMALL_BYTES = 64 << 10  # up to here a piece is copied: it may then be kept as long as one likes
_DRAIN_BYTES = 16 << 20  # of a refused body, read so that the client gets to see the answer
_DRAIN_S = 5.0  # and for no longer: a client that says nothing more would keep its connection
_IDLE_S = 75.0

Message = MutableMapping[str, Any]


class _Pieces:
    """The buffers that bodies are received into, of one event loop."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []
        self._lent = 0

    def take(self) -> bytearray:
        """A large buffer, or a small one while many are out: stalled clients must not hold up others."""
        if self._lent == _PIECES:
            return bytearray(_SMALL_BYTES)
        self._lent += 1
        return self._free.pop() if self._free else bytearray(_PIECE_BYTES)

    def give(self, piece: bytearray) -> None:
        if len(piece) == _PIECE_BYTES:
            self._lent -= 1
            if len(self._free) < 2:  # the rest of a burst's memory goes back
                self._free.append(piece)


class _HungUpError(Exception):
    """The client has hung up."""


class TransferProtocol(asyncio.BufferedProtocol):
    """One connection; `uvicorn.Config(http=TransferProtocol)`."""

    _pieces: _Pieces | None = None
    _loop_of_pieces: asyncio.AbstractEventLoop | None = None

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._app: Callable[..., Any] = config.loaded_app
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._head = bytearray(4096)
        self._head_filled = 0
        self._piece: bytearray | None = None
        self._filled = 0
        self._wanted = 0
        self._remaining = 0  # of the body, beyond what receive() has handed out
        self._first = b""
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._keeps_alive = True
        self._transport: asyncio.Transport

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._state.connections.add(self)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._state.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        for future in (self._waiter, self._drained):
            if future is not None and not future.done():
                future.set_result(None)

    def eof_received(self) -> bool:
        return False  # a client that has closed its side gets no answer

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._piece is not None and self._filled < self._wanted:
            return memoryview(self._piece)[self._filled : self._wanted]
        if self._head_filled == len(self._head):
            self._head.extend(bytes(len(self._head)))
        return memoryview(self._head)[self._head_filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._piece is not None and self._filled < self._wanted:
            self._filled += nbytes
            if self._filled == self._wanted:
                self._transport.pause_reading()
                self._wake()
            return
        self._head_filled += nbytes
        if self._task is None:
            self._begin_request()
        elif self._head_filled >= _HEAD_BYTES:
            self._transport.pause_reading()  # requests ahead of their turn wait in the kernel

    def pause_writing(self) -> None:
        if self._drained is None:
            self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def shutdown(self) -> None:
        """uvicorn's word that the server ends: an idle connection closes, a busy one after its answer."""
        self._keeps_alive = False
        if self._task is None:
            self._transport.close()

    # ---- requests

    def _begin_request(self) -> None:
        end = self._head.find(b"\r\n\r\n", 0, self._head_filled)
        if end < 0:
            if self._head_filled >= _HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return None
        head = bytes(self._head[: end + 4])
        self._keep_head(end + 4)
        try:
            parser = h11.Connection(h11.SERVER)
            parser.receive_data(head)
            request = parser.next_event()
        except h11.RemoteProtocolError:
            return self._refuse(HTTPStatus.BAD_REQUEST)
        # h11 lets a bare line feed end a line, and thus a head before the place where this one ends
        if not isinstance(request, h11.Request) or b"\n" in head.replace(b"\r\n", b""):
            return self._refuse(HTTPStatus.BAD_REQUEST)
        headers = dict(request.headers)
        if b"transfer-encoding" in headers:
            return self._refuse(HTTPStatus.LENGTH_REQUIRED)
        self._remaining = int(headers.get(b"content-length", b"0"))
        self._first = bytes(self._head[: min(self._head_filled, self._remaining)])
        self._keep_head(len(self._first))
        self._keeps_alive = self._keeps_alive and _may_stay(request, headers)
        if headers.get(b"expect", b"").lower() == b"100-continue" and self._remaining > len(self._first):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._remaining > len(self._first):
            self._transport.pause_reading()  # until the application asks
        if self._idle is not None:
            self._idle.cancel()
        self._state.total_requests += 1
        self._task = self._loop.create_task(self._serve(request))
        self._state.tasks.add(self._task)
        self._task.add_done_callback(self._state.tasks.discard)
        return None

    async def _serve(self, request: h11.Request) -> None:
        answer = _Answer(self._transport, self._drain, request.method == b"HEAD")
        try:
            await self._app(self._scope(request), self._receive, answer.send)
            if not answer.is_complete:
                raise RuntimeError("the application did not answer")
        except Exception:
            if not self._closed:
                logger.exception("%s %s failed", request.method.decode(), request.target.decode("latin-1"))
            if not answer.has_started:
                return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
            return self._transport.close()
        finally:
            self._give_piece()
        self._keeps_alive = self._keeps_alive and answer.keeps_alive
        if self._remaining and not self._closed:
            await self._discard()
        self._task = None
        if self._closed:
            return None
        if not self._keeps_alive:
            return self._transport.close()
        self._transport.resume_reading()
        self._wait_for_request()
        self._begin_request()
        return None

    def _scope(self, request: h11.Request) -> dict[str, Any]:
        path, _, query = request.target.partition(b"?")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "server": self._transport.get_extra_info("sockname"),
            "client": self._transport.get_extra_info("peername"),
            "scheme": "http",
            "method": request.method.decode("ascii"),
            "root_path": "",
            "path": urllib.parse.unquote(path.decode("ascii", "replace")),
            "raw_path": path,
            "query_string": query,
            "headers": list(request.headers),
            "state": self._app_state.copy(),
            "extensions": {ZERO_COPY: {}},
        }

    # ---- the body

    async def _receive(self) -> Message:
        self._give_piece()
        if self._first:
            piece, self._first = self._first, b""
            self._remaining -= len(piece)
            return {"type": "http.request", "body": piece, "more_body": self._remaining > 0}
        if not self._remaining:
            return {"type": "http.request", "body": b"", "more_body": False}
        try:
            body = await self._next_piece()
        except _HungUpError:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": self._remaining > 0}

    async def _next_piece(self) -> memoryview | bytes:
        """As much of the body as a buffer holds; good until the next call."""
        self._piece = self._shared_pieces().take()
        self._filled, self._wanted = 0, min(len(self._piece), self._remaining)
        if self._closed:
            raise _HungUpError
        self._waiter = self._loop.create_future()
        self._transport.resume_reading()
        await self._waiter
        self._waiter = None
        if self._filled < self._wanted:
            raise _HungUpError
        self._remaining -= self._filled
        view = memoryview(self._piece)[: self._filled]
        return bytes(view) if len(view) <= _SMALL_BYTES else view

    async def _discard(self) -> None:
        """Reads the rest of a body that was refused; hangs up on a client that does not send it soon."""
        late = self._loop.call_later(_DRAIN_S, self._transport.abort)
        try:
            await self._read_rest()
        finally:
            late.cancel()

    async def _read_rest(self) -> None:
        left = _DRAIN_BYTES
        while self._remaining and left > 0:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
            left -= len(message["body"])
        self._give_piece()
        if self._remaining:
            self._keeps_alive = False

    def _shared_pieces(self) -> _Pieces:
        kind = type(self)
        if kind._pieces is None or kind._loop_of_pieces is not self._loop:
            kind._pieces, kind._loop_of_pieces = _Pieces(), self._loop
        return kind._pieces

    def _give_piece(self) -> None:
        if self._piece is not None:
            piece, self._piece = self._piece, None
            self._shared_pieces().give(piece)

    def _keep_head(self, start: int) -> None:
        """Forgets what has been read of the head's buffer up to `start`."""
        left = self._head[start : self._head_filled]
        self._head[: len(left)] = left
        self._head_filled = len(left)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- the connection

    def _wait_for_request(self) -> None:
        self._idle = self._loop.call_later(_IDLE_S, self._transport.close)

    async def _drain(self) -> None:
        if self._drained is not None:
            await self._drained
        if self._closed:
            raise _HungUpError

    def _refuse(self, status: HTTPStatus) -> None:
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self._transport.write(line.encode("ascii"))
        self._transport.close()


def _may_stay(request: h11.Request, headers: dict[bytes, bytes]) -> bool:
    """Whether the client wants its connection kept."""
    words = [word.strip() for word in headers.get(b"connection", b"").lower().split(b",")]
    return b"close" not in words and (request.http_version != b"1.0" or b"keep-alive" in words)


class _Answer:
    """What an application sends, written out."""

    def __init__(self, transport: asyncio.Transport, drain: Callable[[], Any], is_head: bool) -> None:
        self._transport = transport
        self._drain = drain
        self._is_head = is_head
        self.has_started = False
        self.is_complete = False
        self.keeps_alive = True

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.has_started = True
            self._start(message["status"], message.get("headers", []))
        elif kind == "http.response.body":
            if not self._is_head and message.get("body"):
                self._transport.write(message["body"])
            self.is_complete = not message.get("more_body", False)
        elif kind == ZERO_COPY:
            if not self._is_head:
                await _send_file(self._transport, message["file"], message["offset"], message["count"])
            self.is_complete = not message.get("more_body", False)
        await self._drain()

    def _start(self, status: int, headers: Any) -> None:
        lines = [b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode("ascii"))]
        has_length = False
        for name, value in headers:
            has_length = has_length or name.lower() == b"content-length"
            if name.lower() == b"connection" and value.lower() == b"close":
                self.keeps_alive = False
            lines.append(b"%s: %s\r\n" % (name, value))
        if not has_length and status not in (204, 304):
            lines.append(b"connection: close\r\n")
            self.keeps_alive = False
        self._transport.write(b"".join(lines) + b"\r\n")


async def _send_file(transport: asyncio.Transport, file: BinaryIO, offset: int, count: int) -> None:
    """Sends a range of a file from the kernel's cache, into which a thread reads what is not there."""
    if not _is_cached(file.fileno(), offset, count):
        await asyncio.to_thread(_read_through, file.fileno(), offset, count)
    sent = await asyncio.get_running_loop().sendfile(transport, file, offset, count)
    if sent != count:
        raise OSError("the file became shorter while it was sent")


def _is_cached(fd: int, offset: int, count: int) -> bool:
    """A guess from the first and the last byte: a wrong one costs the event loop a wait for the disk."""
    try:
        for position in (offset, offset + max(0, count - 1)):
            os.preadv(fd, [bytearray(1)], position, os.RWF_NOWAIT)
    except OSError:
        return False
    return True


def _read_through(fd: int, offset: int, count: int) -> None:
    buffer = bytearray(1 << 20)
    end = offset + count
    while offset < end:
        got = os.preadv(fd, [buffer], offset)
        if not got:
            return
        offset += got
