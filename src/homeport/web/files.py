"""A range of a file as an HTTP answer, in chunks long enough that threads and events cost little."""

import asyncio
import os
import re
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from homeport.web.protocol import ZERO_COPY

_CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def file_response(fd: int, start: int, length: int, headers: dict[str, str], status: int = 200) -> Response:
    """Sends `length` bytes of an open file from `start`, and closes it, also when the client hangs up."""
    headers = {"Content-Length": str(length), "Content-Type": "application/octet-stream", **headers}
    return _FileResponse(fd, start, length, headers, status)


class _FileResponse(StreamingResponse):
    def __init__(self, fd: int, start: int, length: int, headers: dict[str, str], status: int) -> None:
        super().__init__(_chunks(fd, start, length), status_code=status, headers=headers)
        self._range = (start, length)
        self._fd = fd

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with os.fdopen(self._fd, "rb", buffering=0) as file:
            if ZERO_COPY not in scope.get("extensions", {}):
                await super().__call__(scope, receive, send)
                return
            start, length = self._range
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            if length:
                await send({"type": ZERO_COPY, "file": file, "offset": start, "count": length})
            else:
                await send({"type": "http.response.body", "body": b""})


async def _chunks(fd: int, start: int, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        chunk = await asyncio.to_thread(os.pread, fd, min(_CHUNK_BYTES, length), start)
        if not chunk:
            raise OSError("the file became shorter while it was sent")
        yield chunk
        start += len(chunk)
        length -= len(chunk)


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, length) of a single `Range: bytes=…`; None where there is none that can be served as one.

    Raises ValueError for a range that lies outside the file.
    """
    match = _RANGE.match(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # the last N bytes
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        end = min(int(last), size - 1) if last else size - 1
        length = end - start + 1
    if length <= 0:
        raise ValueError
    return start, length
