"""The HTTP side of the engine: blobs, volume blocks, and the link command's door. main.py serves it.

Addresses of blobs and blocks are signed; the link command shows the engine's token, as API callers do.
"""

from starlette.applications import Starlette

from homeport.control.blobs import Blobs
from homeport.control.environments import Environments
from homeport.control.image_aliases import ImageAliases
from homeport.control.links import Links
from homeport.control.volume_service import VolumeService
from homeport.model.errors import HomeportError
from homeport.web.blobs import blob_routes
from homeport.web.errors import answer_error
from homeport.web.images import Prunable, image_routes
from homeport.web.volumes import volume_routes


def build_app(
    blobs: Blobs,
    volumes: VolumeService,
    environments: Environments,
    links: Links,
    images: Prunable,
    aliases: ImageAliases,
    *,
    token_id: str,
    token_secret: str,
) -> Starlette:
    """Everything that is answered on the HTTP port."""
    routes = [
        *blob_routes(blobs, links),
        *volume_routes(volumes, environments, links, token_id, token_secret),
        *image_routes(images, aliases, token_id, token_secret),
    ]
    return Starlette(routes=routes, exception_handlers={HomeportError: answer_error})
