"""The door of `homeport ui`: POST /homeport/pages/login {"path"} answers where a browser gets in, once."""

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.model.errors import InvalidError
from homeport.web.pages.door import Door
from homeport.web.volumes import authorised, text

_PATH = re.compile(r"/[A-Za-z0-9._~%/?=&-]*")


def login_routes(door: Door, token_id: str, token_secret: str) -> list[Route]:
    async def login(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        path = text(body, "path") or "/"
        if not _PATH.fullmatch(path) or path.startswith("//"):
            raise InvalidError(f"{path!r} is no address of a page.")
        return JSONResponse({"path": f"/login?{urlencode({'code': door.issue_code(path)})}"})

    return [Route("/homeport/pages/login", login, methods=["POST"])]
