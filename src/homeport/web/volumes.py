"""HTTP of volumes: PUT and GET of blocks, and the door by which `homeport volume link` comes in.

Addresses of blocks are signed. Linking lets the engine serve any folder of this user, so it asks for the
engine's token: POST /homeport/volumes/link {"name", "folder", "writable", "environment"} and POST
/homeport/volumes/unlink {"name", "environment"}, with the headers that API callers show.
"""

import hmac
import json
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homeport.control.environments import Environments
from homeport.control.links import Links
from homeport.control.volume_service import VolumeService
from homeport.model.errors import InvalidError, PermissionDeniedError
from homeport.model.names import check_object_name
from homeport.web.blobs import check_link
from homeport.web.files import file_response

_MAX_BODY_BYTES = 64 << 10


def volume_routes(
    volumes: VolumeService, environments: Environments, links: Links, token_id: str, token_secret: str
) -> list[Route]:
    async def put_block(request: Request) -> Response:
        check_link(links, request)
        where = request.path_params
        try:
            receipt = await volumes.uploads.receive(
                where["upload_id"], where["file"], where["block"], request.stream()
            )
        except ClientDisconnect:
            return Response(status_code=400)  # nobody listens any more
        return Response(receipt)

    async def get_block(request: Request) -> Response:
        check_link(links, request)
        where = request.path_params
        fd = volumes.reads.open_block(where["volume_id"], where["layer"], where["inode"], where["name"])
        return file_response(fd, where["start"], where["length"], {})

    async def link(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        volume = volumes.names.link(
            environments.name(text(body, "environment")),
            check_object_name(text(body, "name"), "Volume"),
            Path(text(body, "folder")),
            is_writable=bool(body.get("writable")),
        )
        return JSONResponse({"volume_id": volume.volume_id, "folder": str(volume.linked_path)})

    async def unlink(request: Request) -> Response:
        body = await authorised(request, token_id, token_secret)
        volume = volumes.names.unlink(environments.name(text(body, "environment")), text(body, "name"))
        return JSONResponse({"volume_id": volume.volume_id, "folder": str(volume.linked_path)})

    return [
        Route("/blocks/{upload_id}/{file:int}/{block:int}", put_block, methods=["PUT"]),
        Route(
            "/blocks/{volume_id}/{layer}/{inode:int}/{start:int}/{length:int}/{name}",
            get_block,
            methods=["GET"],
        ),
        Route("/homeport/volumes/link", link, methods=["POST"]),
        Route("/homeport/volumes/unlink", unlink, methods=["POST"]),
    ]


async def authorised(request: Request, token_id: str, token_secret: str) -> dict[str, Any]:
    shown = (
        request.headers.get("x-modal-token-id", "").encode(),
        request.headers.get("x-modal-token-secret", "").encode(),
    )
    known = (token_id.encode(), token_secret.encode())
    if not hmac.compare_digest(b"\0".join(shown), b"\0".join(known)):
        raise PermissionDeniedError("This engine does not know the token that was shown.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise InvalidError("The request is too long.")
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise InvalidError("The request is not a JSON object.")
    return parsed


def text(body: dict[str, Any], key: str) -> str:
    value = body.get(key, "")
    if not isinstance(value, str):
        raise InvalidError(f"{key!r} has to be text.")
    return value
