"""The door of `homeport runs prune`: POST /homeport/runs/prune {"keep", "older_than_s", "dry_run"}."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.control.runs.writer import RunWriter
from homeport.model.errors import InvalidError
from homeport.web.volumes import authorised


def run_routes(writer: RunWriter, token_id: str, token_secret: str) -> list[Route]:
    async def prune(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        keep, older_than_s = body.get("keep"), body.get("older_than_s")
        if not isinstance(keep, int) or keep < 0:
            raise InvalidError("keep has to be a number of runs.")
        if not isinstance(older_than_s, int | float) or older_than_s < 0:
            raise InvalidError("older_than_s has to be a number of seconds.")
        removed = await writer.remove(
            keep=keep, before=time.time() - older_than_s, dry_run=bool(body.get("dry_run"))
        )
        return JSONResponse({"run_ids": removed.run_ids, "freed_bytes": removed.freed_bytes})

    return [Route("/homeport/runs/prune", prune, methods=["POST"])]
