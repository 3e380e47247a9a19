"""One web function as an ASGI app: its requests become calls, its answers go back to the browser.

Serving it on a port of its own is left to web/endpoints.py. Times are Modal's: an answer that has not begun
after 150 s turns into a redirect to where it can be waited for further.
"""

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from homeport.control.web_calls import WebCall, WebCalls
from homeport.model.errors import HomeportError, NotFoundError
from homeport.web.pages.door import SESSION_COOKIE

logger = logging.getLogger(__name__)

REDIRECT_S: Final = 150.0
_PICKED_UP_S: Final = 60.0  # a redirect that nobody follows ends its call
_HUNG_UP_S: Final = 10.0  # for an app to notice that its client is gone
_CALL_ID: Final = "__modal_function_call_id"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Endpoint:
    """The ASGI app of a web function, or of a method of a class. `secret` is asked for where the function
    has requires_proxy_auth: (Modal-Key, Modal-Secret)."""

    def __init__(
        self,
        calls: WebCalls,
        function_id: str,
        method: str,
        *,
        secret: tuple[str, str] | None = None,
        redirect_s: float = REDIRECT_S,
    ) -> None:
        self._calls = calls
        self._function_id = function_id
        self._method = method
        self._secret = secret
        self._redirect_s = redirect_s
        self._waiting: dict[str, tuple[WebCall, asyncio.TimerHandle]] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _refuse_socket if scope["type"] == "websocket" else _answer
        refusal = self._refusal(scope)
        if refusal:
            await answer(send, *refusal)
            return
        call = self._pick_up(scope)
        is_resumed = call is not None
        try:
            call = call or self._calls.begin(self._function_id, self._method, _without_session(scope))
        except HomeportError as error:
            await answer(send, 404 if isinstance(error, NotFoundError) else 503, str(error))
            return
        exchange = _Exchange(call, receive, is_socket=scope["type"] == "websocket", is_resumed=is_resumed)
        await self._follow(exchange, scope, send, call)

    async def close(self) -> None:
        """Ends what waits to be picked up."""
        for call_id in list(self._waiting):
            self._drop(call_id)
        await asyncio.gather(*self._endings, return_exceptions=True)

    # ---- who may come in

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = dict(scope["headers"])
        if not _is_local(headers.get(b"host", b"")):
            # a page of another site that had its name resolve to this machine
            return (
                403,
                "Homeport serves web functions under this machine's own names only, such as localhost.",
            )
        if self._secret is not None:
            shown = headers.get(b"modal-key", b""), headers.get(b"modal-secret", b"")
            wanted = tuple(part.encode() for part in self._secret)
            if not all(hmac.compare_digest(*pair) for pair in zip(shown, wanted, strict=True)):
                return 401, (
                    "This web function has requires_proxy_auth: show the engine's token as headers Modal-Key "
                    "and Modal-Secret (`homeport env` prints it)."
                )
        return None

    # ---- one request

    async def _follow(self, exchange: "_Exchange", scope: Scope, send: Send, call: WebCall) -> None:
        is_kept = False
        try:
            if not await exchange.has_begun(None if exchange.is_socket else self._redirect_s):
                is_kept = True
                self._keep(call)
                await _redirect(send, scope, call.call_id)
                return
            await exchange.relay(send)
        except ClientGoneError:
            pass
        finally:
            exchange.close()
            if not is_kept:
                self._end(call)

    def _keep(self, call: WebCall) -> None:
        timer = asyncio.get_running_loop().call_later(_PICKED_UP_S, self._drop, call.call_id)
        self._waiting[call.call_id] = call, timer

    def _pick_up(self, scope: Scope) -> WebCall | None:
        query = scope.get("query_string", b"").decode("latin-1")
        found = self._waiting.pop(dict(parse_qsl(query)).get(_CALL_ID, ""), None)
        if found is None:
            return None
        call, timer = found
        timer.cancel()
        return call

    def _drop(self, call_id: str) -> None:
        call, timer = self._waiting.pop(call_id)
        timer.cancel()
        self._end(call)

    def _end(self, call: WebCall) -> None:
        ending = asyncio.ensure_future(call.forget())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


class ClientGoneError(Exception):
    """The browser hung up before the answer was complete."""


class _Exchange:
    """One request and its answer, between a browser and a call. A resumed one has sent its request before."""

    def __init__(self, call: WebCall, receive: Receive, *, is_socket: bool, is_resumed: bool) -> None:
        self.is_socket = is_socket
        self._is_resumed = is_resumed
        self._call = call
        self._receive = receive
        self._uploaded = asyncio.Event()
        self._gone = asyncio.Event()
        self._pump = asyncio.ensure_future(self._take())
        self._leaving = asyncio.ensure_future(self._gone.wait())
        self._step = asyncio.ensure_future(call.next())

    def close(self) -> None:
        for task in (self._pump, self._leaving, self._step):
            task.cancel()

    async def has_begun(self, within_s: float | None) -> bool:
        """Whether the answer has begun in this time, counted again from the end of a long upload. Raises
        ClientGoneError."""
        while True:
            was_uploaded = self._uploaded.is_set()
            if await self._wait(within_s):
                return True
            if was_uploaded:
                return False

    async def relay(self, send: Send) -> None:
        """Passes the app's messages on. Raises ClientGoneError."""
        has_begun = False
        while await self._wait(None) and (message := self._step.result()) is not None:
            has_begun = True
            with suppress(OSError):  # the browser has left; the app learns of it
                await send(message)
            if _is_last(message):
                while await self._call.next() is not None:
                    pass  # the app works on in the background
                return
            self._step = asyncio.ensure_future(self._call.next())
        await self._say_why(send, has_begun=has_begun)

    async def _take(self) -> None:
        """Passes on what the browser says."""
        while not self._gone.is_set():
            message = await self._receive()
            is_body = message["type"] == "http.request"
            if not (is_body and self._is_resumed):
                self._call.send(dict(message))
            if is_body and not message.get("more_body"):
                self._uploaded.set()
            elif message["type"] in ("http.disconnect", "websocket.disconnect"):
                self._gone.set()

    async def _wait(self, timeout_s: float | None) -> bool:
        """Waits for the next step of the answer; whether it came. Raises ClientGoneError."""
        waiting = {self._step, self._leaving}
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not self._step.done() and self._gone.is_set():
            # the app was told, and may have last words for its log
            await asyncio.wait({self._step}, timeout=_HUNG_UP_S)
            if not self._step.done():
                raise ClientGoneError
        return self._step.done()

    async def _say_why(self, send: Send, *, has_begun: bool) -> None:
        """The app's call ended before its answer did."""
        why = self._call.failure or "it ended without an answer"
        text = f"The web function failed: {why}. The app's log has the traceback."
        if self.is_socket:
            with suppress(Exception):  # the server's own, where the browser has left
                await send({"type": "websocket.close", "code": 1011, "reason": "The web function failed."})
        elif not has_begun:
            await _answer(send, 500, text)
        else:
            # its status was sent: only a broken connection tells that this is not all
            raise ConnectionAbortedError(text)


def _without_session(scope: Scope) -> dict[str, Any]:
    """What the app is told of a request. Browsers send cookies to every port of a host, so also the one that
    opens the run pages, which is no app's business."""
    headers = []
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookies = [each.strip() for each in value.split(b";")]
            value = b"; ".join(each for each in cookies if not each.startswith(SESSION_COOKIE.encode()))
        if name != b"cookie" or value:
            headers.append((name, value))
    return {**scope, "headers": headers}


def _is_last(message: MutableMapping[str, Any]) -> bool:
    kind = message["type"]
    return kind == "websocket.close" or (kind == "http.response.body" and not message.get("more_body"))


def _is_local(host: bytes) -> bool:
    name = host.decode("latin-1").rsplit(":", 1)[0] if not host.endswith(b"]") else host.decode("latin-1")
    name = name.strip("[]").lower()
    return name in ("localhost", "127.0.0.1", "::1", "") or name.endswith(".localhost")


async def _redirect(send: Send, scope: Scope, call_id: str) -> None:
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    others = [(name, value) for name, value in query if name != _CALL_ID]
    location = f"{scope['path']}?{urlencode([*others, (_CALL_ID, call_id)])}"
    await _answer(send, 303, "", [(b"location", location.encode("latin-1", "replace"))])


async def _answer(
    send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = f"{text}\n".encode() if text else b""
    fixed = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*fixed, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def _refuse_socket(send: Send, status: int, text: str) -> None:
    """A socket that was not accepted is refused with 403 by the server; the words are for its log."""
    logger.info("a web socket was refused (%s): %s", status, text)
    with suppress(Exception):
        await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
