"""What stands before every page: the checks of door.py, and headers that tell a browser to be strict."""

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homeport.web.pages.door import Door, is_local_host, is_own_request

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

Refusal = Callable[[int, str, str], ASGIApp]


class Guard:
    """An ASGI app around the pages. `refusal` makes the answer to who may not see them, from a status, a
    sentence and the path that was asked for."""

    def __init__(self, app: ASGIApp, door: Door, refusal: Refusal) -> None:
        self._app = app
        self._door = door
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        app = self._checked(scope, headers)

        async def strict(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
            await send(message)

        await app(scope, receive, strict)

    def _checked(self, scope: Scope, headers: Headers) -> ASGIApp:
        path: str = scope["path"]
        if not is_local_host(headers.get("host", "")):
            return self._refusal(
                403, "Homeport's pages are shown under this machine's own names only, such as localhost.", ""
            )
        session = session_of(headers, self._door)
        scope.setdefault("state", {})["session"] = session
        if path == "/login" or path.startswith("/static/"):  # the way in, and what holds nothing of anybody
            return self._app
        if not session:
            return self._refusal(401, "", path)
        if scope["method"] not in ("GET", "HEAD") and not is_own_request(headers):
            return self._refusal(403, "This request did not come from a page of Homeport's.", "")
        return self._app


def session_of(headers: Headers, door: Door) -> str:
    """The session that the request shows, empty where it is none of ours."""
    try:
        shown: Any = SimpleCookie(headers.get("cookie", "")).get(door.cookie)
    except CookieError:
        return ""
    return shown.value if shown is not None and door.knows(shown.value) else ""
