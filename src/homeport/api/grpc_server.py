"""gRPC on http2.py: requests to methods, answers and statuses back, deadlines, cancellation.

A method gets the bytes of one message and answers the bytes of one, or of several as an async generator;
of the two services one method takes a stream of them. What the bytes mean is left to gateway.py.
"""

import asyncio
import contextlib
import logging
import os
import re
import socket
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from homeport.api.body_parts import Parts
from homeport.api.http2 import Connection, Exchange, Room, literal

logger = logging.getLogger(__name__)

_PREFIX_BYTES = 5  # before each message: whether it is compressed, and its length
_HEAD = b"\x88" + literal(b"content-type", b"application/grpc")  # :status 200 is static entry 8
_TAIL_OK = literal(b"grpc-status", b"0")
_REFUSED_CONTENT = literal(b":status", b"415")
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_MAX_SENTENCE = 6000  # bytes as sent: clients refuse longer ones, and the whole answer with them
_TIMEOUT = re.compile(r"[0-9]{1,8}[HMSmun]")
_MAX_BODIES = 4  # times the longest message: what is kept of requests on their way
_PRINTABLE = "".join(chr(number) for number in range(0x20, 0x7F) if chr(number) != "%")


class Status(IntEnum):
    """gRPC's status codes, as far as this server sends them."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class RpcError(Exception):
    """Ends a request with a status other than OK and a sentence."""

    def __init__(self, status: Status, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(slots=True)
class Request:
    """One request. What a method puts into `trailing` goes out behind its answer."""

    body: bytes
    metadata: dict[str, str]
    peer: str
    trailing: list[tuple[str, str]] = field(default_factory=list)
    parts: Parts | None = None
    longest: int = 0

    async def messages(self) -> AsyncIterator[bytes]:
        """Those of a client that sends many. Raises RpcError."""
        assert self.parts is not None
        while prefix := await self.parts.read(_PREFIX_BYTES):
            size = int.from_bytes(prefix[1:], "big")
            if size > self.longest:
                raise RpcError(Status.RESOURCE_EXHAUSTED, f"A message of {size} bytes is too long.")
            yield _message(prefix + await self.parts.read(size))


@dataclass(frozen=True, slots=True)
class Method:
    """How a path is answered: by one message, or by several. Where the client `sends_many`, they are read
    from the request one by one."""

    serve: Callable[[Request], Any]
    streams: bool = False
    sends_many: bool = False


Unary = Callable[[Request], Awaitable[bytes]]
Streaming = Callable[[Request], AsyncIterator[bytes]]


class GrpcServer:
    """Serves methods by path on one address. `find` gives the method of a path, or None; `admit` raises
    RpcError for headers of somebody who may not ask, before anything of the request's body is kept.
    """

    def __init__(
        self,
        find: Callable[[str], Method | None],
        *,
        max_message_bytes: int,
        admit: Callable[[dict[str, str]], None] = lambda headers: None,
    ) -> None:
        self._find = find
        self._admit = admit
        self._max_body_bytes = max_message_bytes + _PREFIX_BYTES
        self._room = Room(_MAX_BODIES * self._max_body_bytes)
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self, address: str) -> int:
        """Binds `HOST:PORT` or `unix:PATH`; answers the port. Raises OSError where that is taken."""
        if address.startswith("unix:"):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            bound: Any = address.removeprefix("unix:")
        else:
            host, _, port = address.rpartition(":")
            # with its protocol named, or asyncio leaves Nagle's delay on for what it accepts
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound = (host, int(port))
        try:
            listener.bind(bound)
            listener.listen(128)  # a port is taken by who listens, not by who is bound
        except OSError:
            listener.close()
            raise
        self._listener = listener
        return 0 if listener.family == socket.AF_UNIX else int(listener.getsockname()[1])

    async def start(self) -> None:
        """Accepts connections from now on."""
        assert self._listener is not None, "listen comes before start"
        loop = asyncio.get_running_loop()
        if self._listener.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(self._connection, sock=self._listener)
        else:
            self._server = await loop.create_server(self._connection, sock=self._listener)

    async def stop(self, grace_s: float = 0.0) -> None:
        """Takes no new connections, lets requests end for `grace_s`, then hangs up."""
        if self._server is not None:
            self._server.close()
        elif self._listener is not None:
            self._listener.close()
        if self._tasks and grace_s:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for connection in list(self._connections):
            connection.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connection(self) -> Connection:
        connection = _NamedConnection(
            self._look, self._request, self._oversize, self._max_body_bytes, self._room
        )
        connection.on_lost = self._connections.discard
        self._connections.add(connection)
        return connection

    # ---- one request

    def _look(self, connection: Connection, exchange: Exchange) -> None:
        """Refuses, by its head, a request that is none or of somebody who may not ask."""
        if not exchange.headers.get("content-type", "").startswith("application/grpc"):
            connection.finish(exchange, _REFUSED_CONTENT)
            return
        try:
            self._admit(exchange.headers)
        except RpcError as error:
            exchange.refusal = error
            exchange.headers = {}
        else:
            connection.welcome()
            method = self._find(exchange.headers.get(":path", ""))
            if method is not None and method.sends_many:
                connection.read_in_parts(exchange)
                self._request(connection, exchange)

    def _request(self, connection: Connection, exchange: Exchange) -> None:
        if isinstance(exchange.refusal, RpcError):
            _fail(connection, exchange, exchange.refusal.status, str(exchange.refusal))
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection, exchange))
        exchange.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _oversize(self, connection: Connection, exchange: Exchange) -> None:
        limit = (self._max_body_bytes - _PREFIX_BYTES) // (1024 * 1024)
        sentence = (
            f"A message is longer than {limit} MiB, or many at once are longer than {_MAX_BODIES * limit} "
        )
        sentence += "MiB together; larger data has to go through a blob or a volume."
        status = Status.RESOURCE_EXHAUSTED
        if exchange.headers.get(":path", "").endswith("/QueuePut"):
            # there that status is a full Queue's, and the client would wait for room for ever
            status, sentence = Status.INVALID_ARGUMENT, f"{sentence} (status = '413')"
        _fail(connection, exchange, status, sentence)

    async def _serve(self, connection: Connection, exchange: Exchange) -> None:
        headers = exchange.headers
        request = Request(b"", headers, connection.peer)
        deadline = _Deadline(headers.get("grpc-timeout"))
        try:
            method = self._find(headers.get(":path", ""))
            if method is None:
                raise RpcError(Status.UNIMPLEMENTED, f"This server has no method {headers.get(':path', '')}.")
            if method.sends_many:
                request.parts, request.longest = exchange.parts, self._max_body_bytes - _PREFIX_BYTES
            else:
                request.body = _message(connection.take_body(exchange))
            if method.streams:
                await self._stream(method, request, connection, exchange)
            else:
                body: bytes = await method.serve(request)
                framed = b"\x00" + len(body).to_bytes(4, "big") + body
                tail = _tail(request)
                if not connection.answer(exchange, _HEAD, framed, tail):
                    connection.begin(exchange, _HEAD)
                    await connection.send(exchange, framed)
                    connection.finish(exchange, tail)
        except asyncio.CancelledError:
            if not deadline.is_over:
                raise
            _fail(connection, exchange, Status.DEADLINE_EXCEEDED, "The client's time for this is over.")
        except RpcError as error:
            _fail(connection, exchange, error.status, str(error), request.trailing)
        except Exception as error:
            logger.exception("%s failed", headers.get(":path"))
            _fail(connection, exchange, Status.INTERNAL, f"{type(error).__name__}: {error}")
        finally:
            deadline.cancel()

    async def _stream(
        self, method: Method, request: Request, connection: Connection, exchange: Exchange
    ) -> None:
        connection.begin(exchange, _HEAD)
        async with contextlib.aclosing(method.serve(request)) as messages:
            async for body in messages:
                await connection.send(exchange, b"\x00" + len(body).to_bytes(4, "big") + body)
        connection.finish(exchange, _tail(request))


class _NamedConnection(Connection):
    """A connection that knows its client: by address on TCP, by a number on a unix socket."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        name = transport.get_extra_info("peername")
        self.peer = f"ipv4:{name[0]}:{name[1]}" if isinstance(name, tuple) else f"unix:{os.urandom(4).hex()}"
        super().connection_made(transport)


def seconds_of(timeout: str | None) -> float | None:
    """What a grpc-timeout header such as "250m" says; None where there is none or it says nothing."""
    if not timeout or not _TIMEOUT.fullmatch(timeout):
        return None
    return int(timeout[:-1]) * _UNITS[timeout[-1]]


class _Deadline:
    """Cancels the current task when the client's time is over."""

    def __init__(self, timeout: str | None) -> None:
        self.is_over = False
        self._timer: asyncio.TimerHandle | None = None
        seconds = seconds_of(timeout)
        if seconds is not None:
            task = asyncio.current_task()
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expire, task)

    def _expire(self, task: asyncio.Task[Any] | None) -> None:
        self.is_over = True
        if task is not None:
            task.cancel()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _message(body: bytes | bytearray) -> bytes:
    """The one message of a request's body. Raises RpcError."""
    if len(body) < _PREFIX_BYTES or int.from_bytes(body[1:5], "big") != len(body) - _PREFIX_BYTES:
        raise RpcError(Status.INVALID_ARGUMENT, "The request does not hold exactly one message.")
    if body[0]:
        raise RpcError(Status.UNIMPLEMENTED, "Compressed messages are not served; send them as they are.")
    return bytes(memoryview(body)[_PREFIX_BYTES:])


def _tail(request: Request) -> bytes:
    return _TAIL_OK + _metadata(request.trailing) if request.trailing else _TAIL_OK


def _metadata(pairs: list[tuple[str, str]]) -> bytes:
    return b"".join(literal(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs)


def _quoted(sentence: str) -> bytes:
    """A sentence as a header's value, cut where it is longer than clients take."""
    quoted = urllib.parse.quote(sentence, safe=_PRINTABLE, errors="replace")
    if len(quoted) > _MAX_SENTENCE:
        quoted = re.sub("%.?$", "", quoted[: _MAX_SENTENCE - 4]) + " ..."
    return quoted.encode("ascii")


def _fail(
    connection: Connection,
    exchange: Exchange,
    status: Status,
    sentence: str,
    trailing: list[tuple[str, str]] | None = None,
) -> None:
    tail = literal(b"grpc-status", str(int(status)).encode())
    tail += literal(b"grpc-message", _quoted(sentence))
    tail += _metadata(trailing or [])
    connection.finish(exchange, tail if exchange.has_begun else _HEAD + tail)
