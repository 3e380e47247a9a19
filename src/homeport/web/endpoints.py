"""Web functions' addresses: a port of this machine for each, the same one as long as its function exists.

A port, and not a path or a name, since apps expect to be at the root of a host and browsers keep cookies and
storage by it. What comes in is web/endpoint.py's matter.
"""

import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from homeport.control.function_messages import web_methods
from homeport.control.functions import Functions
from homeport.control.web_calls import WebCalls
from homeport.store.database import Database
from homeport.web.endpoint import Endpoint
from homeport.web.server import start_server

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WebFunction:
    """A function, or a method of a class ("" for none), that is called by HTTP."""

    app_id: str
    function_id: str
    method: str
    is_open: bool  # to everybody; else requires_proxy_auth

    @property
    def key(self) -> tuple[str, str]:
        return self.function_id, self.method


@dataclass(frozen=True)
class _Served:
    function: WebFunction
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class _Bound:
    app_id: str
    listener: socket.socket


class Endpoints:
    """All web functions of one engine. `token` opens those that are not open to everybody."""

    def __init__(self, db: Database, functions: Functions, calls: WebCalls, token: tuple[str, str]) -> None:
        self._db = db
        self._functions = functions
        self._calls = calls
        self._token = token
        self._bound: dict[tuple[str, str], _Bound] = {}  # of functions that are not published yet
        self._served: dict[tuple[str, str], _Served] = {}
        functions.web_url = self.url

    def url(self, app_id: str, function_id: str, method: str) -> str:
        """The address of a web function, which gets one when first asked for."""
        row = self._db.one("web_port", function_id=function_id, method=method)
        if row is not None:
            return _url(row["port"])
        listener = _bind(0)
        port = listener.getsockname()[1]
        self._db.run("web_port_insert", function_id=function_id, method=method, port=port)
        self._bound[function_id, method] = _Bound(app_id, listener)
        return _url(port)

    async def publish(self, app_id: str) -> None:
        """Serves what the app's newest version has, of all apps for ''; no more what it has not."""
        wanted = {function.key: function for function in self._published(app_id)}
        served = {key: served.function for key, served in self._served.items() if _is_of(app_id, served)}
        for key, function in served.items():
            if wanted.get(key) != function:
                await self._end(key)
        for key in wanted.keys() - self._served.keys():
            self._serve(wanted[key])

    async def stop(self, app_id: str) -> None:
        """The app has stopped, or all of them for ''."""
        for key in [key for key, served in self._served.items() if _is_of(app_id, served)]:
            await self._end(key)
        for key in [key for key, bound in self._bound.items() if app_id in ("", bound.app_id)]:
            self._bound.pop(key).listener.close()

    async def close(self) -> None:
        await self.stop("")

    def _published(self, app_id: str) -> Iterable[WebFunction]:
        for definition in self._functions.published(app_id):
            if not definition.base_id:  # a variant has no address
                for method, webhook in web_methods(definition.data).items():
                    is_open = not webhook.requires_proxy_auth
                    yield WebFunction(definition.app_id, definition.function_id, method, is_open)

    def _serve(self, function: WebFunction) -> None:
        url = self.url(function.app_id, *function.key)
        bound = self._bound.pop(function.key, None)
        try:
            listener = bound.listener if bound else _bind(int(url.rsplit(":", 1)[1]))
        except OSError as error:
            # another program took the port while the app was away
            logger.error("%s of %s is not served: %s", url, function.function_id, error.strerror)
            return
        secret = None if function.is_open else self._token
        endpoint = Endpoint(self._calls, *function.key, secret=secret)
        end = start_server(endpoint, listener, ws="wsproto", http="h11")

        async def close() -> None:
            await endpoint.close()
            await end()

        self._served[function.key] = _Served(function, close)

    async def _end(self, key: tuple[str, str]) -> None:
        served = self._served.pop(key, None)
        if served is not None:
            await served.close()


def _is_of(app_id: str, served: _Served) -> bool:
    return not app_id or served.function.app_id == app_id


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
