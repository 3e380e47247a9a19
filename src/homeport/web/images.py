"""The door of `homeport image prune`: POST /homeport/images/prune {"older_than_s", "dry_run"}."""

import time
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.control.image_cache import Removal
from homeport.model.errors import InvalidError
from homeport.web.volumes import authorised


class Prunable(Protocol):
    """Implemented by control.images.Images."""

    async def prune(self, before: float, *, dry_run: bool) -> Removal: ...


def image_routes(images: Prunable, token_id: str, token_secret: str) -> list[Route]:
    async def prune(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        older_than_s = body.get("older_than_s")
        if not isinstance(older_than_s, int | float) or older_than_s < 0:
            raise InvalidError("older_than_s has to be a number of seconds.")
        removal = await images.prune(time.time() - older_than_s, dry_run=bool(body.get("dry_run")))
        return JSONResponse({"image_ids": removal.image_ids, "freed_bytes": removal.freed_bytes})

    return [Route("/homeport/images/prune", prune, methods=["POST"])]
