"""HTTP of blobs: PUT of a whole or of a part, POST that completes the parts, GET with ranges.

Each address carries its permission (`control/links.py`); nobody shows a token here, also containers do not.
"""

import os
import re

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from homeport.control.blobs import Blobs
from homeport.control.links import Links
from homeport.model.errors import InvalidError
from homeport.web.files import file_response, requested_range

_ETAG = re.compile(r"<ETag>\s*\"?([0-9a-fA-F]{32})\"?\s*</ETag>")
_MAX_COMPLETION_BYTES = 4 << 20


def check_link(links: Links, request: Request) -> None:
    """Raises PermissionDeniedError unless the address carries a good signature."""
    method = "GET" if request.method == "HEAD" else request.method
    query = request.query_params
    links.check(method, request.scope["path"], query.get("e", ""), query.get("s", ""))


def blob_routes(blobs: Blobs, links: Links) -> list[Route]:
    async def put(request: Request) -> Response:
        check_link(links, request)
        part = request.path_params.get("part")
        try:
            md5 = await blobs.receive(request.path_params["blob_id"], part, request.stream())
        except ClientDisconnect:
            return Response(status_code=400)  # nobody listens any more
        return Response(headers={"ETag": f'"{md5}"'})

    async def complete(request: Request) -> Response:
        check_link(links, request)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_COMPLETION_BYTES:
                raise InvalidError("The list of parts is too long.")
        tag = await blobs.complete(request.path_params["blob_id"], _ETAG.findall(body.decode("latin-1")))
        return PlainTextResponse(
            f'<CompleteMultipartUploadResult><ETag>"{tag}"</ETag></CompleteMultipartUploadResult>',
            media_type="application/xml",
        )

    async def get(request: Request) -> Response:
        check_link(links, request)
        fd = os.open(blobs.path(request.path_params["blob_id"]), os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(fd).st_size
        try:
            part = requested_range(request.headers.get("range"), size)
        except ValueError:
            os.close(fd)
            return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
        if request.method == "HEAD":
            os.close(fd)
            return Response(headers={"Content-Length": str(size), "Accept-Ranges": "bytes"})
        if part is None:
            return file_response(fd, 0, size, {"Accept-Ranges": "bytes"})
        start, length = part
        return file_response(
            fd, start, length, {"Content-Range": f"bytes {start}-{start + length - 1}/{size}"}, status=206
        )

    return [
        Route("/blobs/{blob_id}", put, methods=["PUT"]),
        Route("/blobs/{blob_id}/complete", complete, methods=["POST"]),
        Route("/blobs/{blob_id}/{part:int}", put, methods=["PUT"]),
        Route("/blobs/{blob_id}", get, methods=["GET"]),
    ]
