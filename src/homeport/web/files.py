"""A range of a file as an HTTP answer, in chunks long enough that threads and events cost little."""

import asyncio
import os
import re
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

_CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"^bytes=(\d*)-(\d*)$")


def file_response(fd: int, start: int, length: int, headers: dict[str, str], status: int = 200) -> Response:
    """Sends `length` bytes of an open file from `start`, and closes it, also when the client hangs up."""
    headers = {"Content-Length": str(length), "Content-Type": "application/octet-stream", **headers}
    return _FileResponse(fd, _chunks(fd, start, length), status_code=status, headers=headers)


class _FileResponse(StreamingResponse):
    def __init__(
        self, fd: int, chunks: AsyncIterator[bytes], *, status_code: int, headers: dict[str, str]
    ) -> None:
        super().__init__(chunks, status_code=status_code, headers=headers)
        self._fd = fd

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._fd)


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
