"""A discarding sink for PUT and a plain file server for GET: what volume transfers are measured against.

Hand-written on asyncio streams of bytes, so that next to nothing of a transfer's time is the server's.
"""

import asyncio
import os
from pathlib import Path

BLOCK_BYTES = 8 * 1024 * 1024


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive: PUT reads `content-length` bytes and drops them, GET /file/N sends one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._head = b""
        self._left = 0  # bytes of the current body still to come
        self._transport: asyncio.Transport
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
            if not self._left:
                self._answer(b"ok")
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        head, body = self._head[:end], self._head[end + 4 :]
        self._head = b""
        if head.startswith(b"GET "):
            block = int(head.split(b" ")[1].rsplit(b"/", 1)[1])
            self._sending = asyncio.get_running_loop().create_task(self._send(block))
            return
        self._left = _content_length(head) - len(body)
        if b"100-continue" in head.lower():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self._left:
            self._answer(b"ok")

    def _answer(self, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    async def _send(self, block: int) -> None:
        assert self._path is not None
        with self._path.open("rb") as file:
            size = min(BLOCK_BYTES, os.fstat(file.fileno()).st_size - block * BLOCK_BYTES)
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
            await asyncio.get_running_loop().sendfile(self._transport, file, block * BLOCK_BYTES, size)


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


async def start_http(path: str | None) -> str:
    """Starts the server on a free port of loopback and returns its URL."""
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(Path(path) if path else None), "127.0.0.1", 0
    )
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
