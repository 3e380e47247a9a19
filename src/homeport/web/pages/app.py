"""All pages, by their addresses."""

import re
from collections.abc import Awaitable, Callable
from importlib import resources

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from homeport.model.errors import HomeportError
from homeport.web.errors import status_of
from homeport.web.pages.asking import asking_routes
from homeport.web.pages.door import SESSION_VALID_S, Door
from homeport.web.pages.guard import Guard
from homeport.web.pages.objects import object_routes
from homeport.web.pages.render import answer
from homeport.web.pages.rerun import rerun_routes
from homeport.web.pages.run import run_routes
from homeport.web.pages.runs import list_routes
from homeport.web.pages.sources import Sources
from homeport.web.pages.volumes import volume_routes

_STATIC = {
    "style.css": "text/css; charset=utf-8",
    "live.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_RUN_PAGE = re.compile(r"/runs/((?:ap|fc)-[A-Za-z0-9]{22})")
_STATUS_TITLES = {
    400: "Not understood",
    401: "Not signed in",
    403: "Refused",
    404: "Not found",
    409: "Not now",
    422: "Damaged",
}


def build_pages(sources: Sources, door: Door) -> ASGIApp:
    """The pages behind their guard."""
    routes: list[BaseRoute] = [
        Route("/login", _login(door)),
        Route("/static/{name}", _static()),
        *list_routes(sources),
        *run_routes(sources, door),
        *rerun_routes(sources, door),
        *asking_routes(sources),
        *object_routes(sources),
        *volume_routes(sources),
    ]
    app = Starlette(routes=routes, exception_handlers={HomeportError: _own_error, HTTPException: _http_error})
    return Guard(app, door, _refusal)


def _login(door: Door) -> Callable[[Request], Awaitable[Response]]:
    async def login(request: Request) -> Response:
        target = door.take_code(request.query_params.get("code", ""))
        if target is None:
            sentence = "This link was used before, or is older than a minute."
            return _error_page(request, 401, sentence, hint="homeport ui")
        response = RedirectResponse(target, 303)
        response.set_cookie(
            door.cookie,
            door.issue_session(),
            max_age=int(SESSION_VALID_S),
            httponly=True,
            samesite="strict",
        )
        return response

    return login


def _static() -> Callable[[Request], Awaitable[Response]]:
    folder = resources.files("homeport.web.pages") / "static"
    contents = {name: (folder / name).read_bytes() for name in _STATIC}

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in contents:
            raise HTTPException(404, f"There is no file {name}.")
        headers = {"Content-Type": _STATIC[name], "Cache-Control": "max-age=60"}
        return Response(contents[name], headers=headers)

    return static


def _refusal(status: int, sentence: str, path: str) -> ASGIApp:
    hint = ""
    if status == 401:
        run = _RUN_PAGE.match(path)
        hint = f"homeport ui {run[1]}" if run else "homeport ui"
        sentence = "These pages open with a link that this command makes, in a terminal of this machine:"

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        response = _error_page(Request(scope), status, sentence, hint=hint)
        await response(scope, receive, send)

    return refuse


def _error_page(request: Request, status: int, sentence: str, *, hint: str = "") -> Response:
    title = _STATUS_TITLES.get(status, "Not done")
    return answer(request, "error.html", status, title=title, sentence=sentence, hint=hint)


async def _own_error(request: Request, error: Exception) -> Response:
    return _error_page(request, status_of(error), str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = f"There is no page {request.url.path}." if error.status_code == 404 else error.detail
    return _error_page(request, error.status_code, sentence)
