"""The doors of `homeport image prune` and `alias`.

POST /homeport/images/prune {"older_than_s", "packages", "dry_run"}; /homeport/images/alias {"pattern",
"target"}, with an empty target to remove it; /homeport/images/aliases {}.
"""

import time
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.control.image_aliases import ImageAliases
from homeport.control.image_cache import Removal
from homeport.model.errors import InvalidError
from homeport.web.volumes import authorised, text


class Prunable(Protocol):
    """Implemented by control.images.Images."""

    async def prune(self, before: float, *, dry_run: bool) -> Removal: ...

    async def clear_packages(self, *, dry_run: bool) -> int: ...


def image_routes(images: Prunable, aliases: ImageAliases, token_id: str, token_secret: str) -> list[Route]:
    async def prune(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        older_than_s = body.get("older_than_s")
        if not isinstance(older_than_s, int | float) or older_than_s < 0:
            raise InvalidError("older_than_s has to be a number of seconds.")
        dry_run = bool(body.get("dry_run"))
        packages = await images.clear_packages(dry_run=dry_run) if body.get("packages") else 0
        removal = await images.prune(time.time() - older_than_s, dry_run=dry_run)
        return JSONResponse({"image_ids": removal.image_ids, "freed_bytes": removal.freed_bytes + packages})

    async def alias(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        pattern, target = text(body, "pattern"), text(body, "target")
        if target:
            aliases.set(pattern, target)
        else:
            aliases.remove(pattern)
        return JSONResponse({})

    async def list_aliases(request: Request) -> Response:
        await authorised(request, token_id, token_secret)
        return JSONResponse({"aliases": dict(aliases.all())})

    return [
        Route("/homeport/images/prune", prune, methods=["POST"]),
        Route("/homeport/images/alias", alias, methods=["POST"]),
        Route("/homeport/images/aliases", list_aliases, methods=["POST"]),
    ]
