"""Requests to web functions as function calls: messages in by one stream, out by the other.

A request is a call like any other, with retries, timeouts and containers of its own; its messages are chunks.
Listening, and what a browser gets when an app fails, is left to web/endpoints.py.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from modal_proto import api_pb2

from homeport.control.calls import Calls, pickled_input
from homeport.control.chunks import Chunks
from homeport.control.runs.origins import NO_RUN
from homeport.wire import asgi

FetchBlob = Callable[[str], Awaitable[bytes]]

_IN, _OUT = 0, 1
_POLL_S: Final = 55.0


class WebCall:
    """One request and its answer."""

    def __init__(self, call_id: str, calls: Calls, chunks: Chunks, fetch_blob: FetchBlob) -> None:
        self.call_id = call_id
        self.failure = ""  # set when the messages have ended: why the app did not come to its own end
        self._calls = calls
        self._chunks = chunks
        self._fetch_blob = fetch_blob
        self._sent = 0
        self._read_to = 0
        self._unread: deque[asgi.Message] = deque()
        self._ended = asyncio.ensure_future(self._wait_for_end())

    def send(self, message: asgi.Message) -> None:
        """A message to the app; without effect when the call has ended."""
        if self._ended.done():
            return
        self._sent += 1
        chunk = api_pb2.DataChunk(
            data_format=api_pb2.DATA_FORMAT_ASGI, data=asgi.encode(message), index=self._sent
        )
        self._chunks.put(self.call_id, _IN, [chunk])

    async def next(self) -> asgi.Message | None:
        """The app's next message; None when its call has ended. Cancelling loses nothing."""
        while not self._unread:
            has_ended = self._ended.done()
            rows = await self._next_chunks(wait=not has_ended)
            if has_ended and not rows:
                self.failure = self._ended.result()
                return None
            for row in rows:
                chunk = api_pb2.DataChunk.FromString(row)
                data = await self._fetch_blob(chunk.data_blob_id) if chunk.data_blob_id else chunk.data
                self._read_to = chunk.index
                message = asgi.decode(data)
                if message is not None:
                    self._unread.append(message)
        return self._unread.popleft()

    def cancel(self) -> None:
        """Ends the call if it has not ended: nobody waits for the answer."""
        if not self._ended.done():
            self._calls.cancel(self.call_id, reason="The client of this web request hung up.")

    async def forget(self) -> None:
        """Deletes what was said; the call has ended, or ends now."""
        self.cancel()
        self._ended.cancel()
        await asyncio.gather(self._ended, return_exceptions=True)
        self._calls.clear(self.call_id)
        self._chunks.forget(self.call_id)

    async def _next_chunks(self, *, wait: bool) -> list[bytes]:
        """What was said since; waits for something to be said, or for the call's end."""
        if not wait:
            return await self._chunks.read(self.call_id, _OUT, self._read_to, 0.0)
        reading = asyncio.ensure_future(self._chunks.read(self.call_id, _OUT, self._read_to, _POLL_S))
        try:
            await asyncio.wait({reading, self._ended}, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else []
        finally:
            reading.cancel()

    async def _wait_for_end(self) -> str:
        while True:
            found = await self._calls.outputs(self.call_id, timeout_s=_POLL_S, indices=(0, 0))
            if found.items:
                result = api_pb2.FunctionGetOutputsItem.FromString(found.items[0]).result
                succeeded = result.status == api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
                return "" if succeeded else result.exception or "it was ended"
            if not found.unfinished:
                return "its result is gone"


class WebCalls:
    """Begins calls of web functions."""

    def __init__(self, calls: Calls, chunks: Chunks, fetch_blob: FetchBlob) -> None:
        self._calls = calls
        self._chunks = chunks
        self._fetch_blob = fetch_blob

    def begin(self, function_id: str, method: str, scope: asgi.Message) -> WebCall:
        """Raises NotFoundError, FailedPreconditionError for an app that has stopped."""
        given = pickled_input(asgi.scope_of(scope), method=method)
        call = self._calls.start(function_id, given, NO_RUN)
        return WebCall(call.call_id, self._calls, self._chunks, self._fetch_blob)
