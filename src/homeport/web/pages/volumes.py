"""Volumes: the list, what a folder holds, and a file with a preview, as it is, or as a download.

A file is never trusted: pictures and reports that a browser shows come with a policy of their own, that lets
them load and run nothing; anything else is a download.
"""

import asyncio
import os
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from homeport.control.volume_states import Volume
from homeport.model.errors import NotFoundError
from homeport.model.ids import VOLUME
from homeport.model.names import DEFAULT_ENVIRONMENT
from homeport.model.volume_paths import split_volume_path
from homeport.store.overlay import Entry
from homeport.web.files import file_response
from homeport.web.pages.previews import READ_BYTES, preview, raw_type
from homeport.web.pages.render import answer
from homeport.web.pages.sources import Sources

_MOST_READ: Final = 10_000
_MOST_SHOWN: Final = 500
_MOST_VOLUMES: Final = 1000
_RAW_POLICY: Final = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'"
)


def volume_routes(sources: Sources) -> list[Route]:
    async def listed(request: Request) -> Response:
        names = [row["name"] for row in sources.environments.all()]
        volumes = [
            volume
            for name in names
            for volume in sources.volumes.names.page(name, float("inf"), _MOST_VOLUMES)
        ]
        return answer(
            request,
            "volumes.html",
            volumes=volumes,
            addresses=[address(volume) for volume in volumes],
            has_environments=len(names) > 1,
        )

    async def show(request: Request) -> Response:
        volume = _find(sources, request)
        path = _path(request)
        entries = [
            entry
            async for batch in sources.volumes.reads.list(
                volume.volume_id, path, recursive=False, limit=_MOST_READ
            )
            for entry in batch
        ]
        parts = split_volume_path(path)
        if len(entries) == 1 and entries[0].parts == parts and not entries[0].is_folder:
            return await _file(sources, request, volume, path)
        return await asyncio.to_thread(_folder, request, volume, parts, entries)

    return [
        Route("/volumes", listed),
        Route("/volumes/{volume}", show),
        Route("/volumes/{volume}/{path:path}", show),
    ]


def address(volume: Volume, parts: tuple[str, ...] = ()) -> str:
    """The page of a place in a volume."""
    is_plain = volume.name and volume.environment == DEFAULT_ENVIRONMENT
    names = [volume.name if is_plain else volume.volume_id, *parts]
    return "/volumes/" + "/".join(quote(os.fsencode(name), safe="") for name in names)


def _find(sources: Sources, request: Request) -> Volume:
    """By id, or by the name that it has in the main environment."""
    named = request.path_params["volume"]
    if named.startswith(f"{VOLUME}-"):
        try:
            return sources.volumes.names.get(named)
        except NotFoundError:
            pass  # a name may begin so too
    return sources.volumes.names.lookup(DEFAULT_ENVIRONMENT, named)


def _path(request: Request) -> str:
    """From the address as it came: a file's name may hold any byte."""
    raw = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
    return unquote("/".join(raw.split("/")[3:]), errors="surrogateescape")


def _folder(request: Request, volume: Volume, parts: tuple[str, ...], entries: list[Entry]) -> Response:
    entries.sort(key=lambda entry: (not entry.is_folder, entry.parts))
    return answer(
        request,
        "volume.html",
        volume=volume,
        crumbs=_crumbs(volume, parts),
        rows=[(entry, entry.parts[-1], address(volume, entry.parts)) for entry in entries[:_MOST_SHOWN]],
        total=len(entries),
        is_all_counted=len(entries) < _MOST_READ,
    )


async def _file(sources: Sources, request: Request, volume: Volume, path: str) -> Response:
    name = split_volume_path(path)[-1]
    fd, status = await sources.volumes.reads.read(volume.volume_id, path)
    if "download" in request.query_params:
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(os.fsencode(name), safe='')}"}
        return file_response(fd, 0, status.st_size, headers)
    if "raw" in request.query_params and (kind := raw_type(name)):
        headers = {
            "Content-Type": kind,
            "Content-Security-Policy": _RAW_POLICY,
            "Content-Disposition": "inline",
        }
        return file_response(fd, 0, status.st_size, headers)
    try:
        data = await asyncio.to_thread(os.pread, fd, READ_BYTES, 0)
    finally:
        os.close(fd)
    return await asyncio.to_thread(
        lambda: answer(
            request,
            "file.html",
            volume=volume,
            name=name,
            crumbs=_crumbs(volume, split_volume_path(path)),
            facts=status,
            shown=preview(name, data, status.st_size),
            address=address(volume, split_volume_path(path)),
        )
    )


def _crumbs(volume: Volume, parts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names and addresses of the folders that lead to a place, the volume first."""
    steps = [(volume.name or volume.volume_id, address(volume))]
    return steps + [(part, address(volume, parts[: n + 1])) for n, part in enumerate(parts)]
