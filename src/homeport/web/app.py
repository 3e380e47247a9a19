"""The HTTP side of the engine: blobs, volume blocks, commands' doors, and the run pages. main.py serves it.

Addresses of blobs and blocks are signed; commands show the engine's token, as API callers do; the pages have
a door of their own.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from homeport.control.blobs import Blobs
from homeport.control.environments import Environments
from homeport.control.image_aliases import ImageAliases
from homeport.control.links import Links
from homeport.control.runs.writer import RunWriter
from homeport.control.volume_service import VolumeService
from homeport.model.errors import HomeportError
from homeport.web.blobs import blob_routes
from homeport.web.errors import answer_error
from homeport.web.images import Prunable, image_routes
from homeport.web.pages.door import Door
from homeport.web.pages.login import login_routes
from homeport.web.pages.sources import Sources
from homeport.web.runs import run_routes
from homeport.web.volumes import volume_routes


def build_app(
    blobs: Blobs,
    volumes: VolumeService,
    environments: Environments,
    links: Links,
    images: Prunable,
    aliases: ImageAliases,
    *,
    runs: RunWriter | None = None,
    token_id: str,
    token_secret: str,
    pages: Sources | None = None,
) -> Starlette:
    """Everything that is answered on the HTTP port; `runs` removes records, `pages` are drawn, where they are
    given."""
    door = Door(token_id, token_secret)
    routes: list[BaseRoute] = [
        *blob_routes(blobs, links),
        *volume_routes(volumes, environments, links, token_id, token_secret),
        *image_routes(images, aliases, token_id, token_secret),
        *(run_routes(runs, token_id, token_secret) if runs is not None else ()),
        *login_routes(door, token_id, token_secret),
    ]
    if pages is not None:
        routes.append(Mount("/", _Late(lambda: _build_pages(pages, door))))
    return Starlette(routes=routes, exception_handlers={HomeportError: answer_error})


class _Late:
    """An app that is built when it is first asked for: most engines never show a page."""

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        self._build = build
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._build()
        await self._app(scope, receive, send)


def _build_pages(sources: Sources, door: Door) -> ASGIApp:
    from homeport.web.pages.app import build_pages  # jinja2 with it

    return build_pages(sources, door)
