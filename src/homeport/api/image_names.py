"""The RPCs of images' names: publishing, finding by name, listing, and forgetting a name or an image."""

from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.image_names import ImageNames
from homeport.control.images import Images
from homeport.model.errors import NotServedError


class ImageNameServicer:
    def __init__(self, names: ImageNames, images: Images) -> None:
        self._names = names
        self._images = images

    async def ImagePublish(self, request: Any, caller: Caller) -> api_pb2.ImagePublishResponse:
        if request.allow_public:
            raise NotServedError(
                "Homeport does not serve public images (is_public): there is no other workspace here."
            )
        revision = self._names.publish(request.tag, request.environment_name, request.image_id)
        return api_pb2.ImagePublishResponse(image_id=request.image_id, revision_id=str(revision))

    async def ImageGetByTag(self, request: Any, caller: Caller) -> api_pb2.ImageGetByTagResponse:
        return api_pb2.ImageGetByTagResponse(image_id=self._names.find(request.tag, request.environment_name))

    async def ImageListTags(self, request: Any, caller: Caller) -> api_pb2.ImageListTagsResponse:
        if request.image_id:
            raise NotServedError("Homeport does not serve the names of one image: list those of all images.")
        environment, rows, more = self._names.all(
            request.environment_name, request.tag_prefix, request.page_token, request.max_objects
        )
        items = [
            api_pb2.ImageListTagsItem(
                tag=row["name"],
                image_id=row["image_id"],
                revision_id=str(row["revision"]),
                created_at=row["created_at"],
                updated_at=row["published_at"],
            )
            for row in rows
        ]
        return api_pb2.ImageListTagsResponse(items=items, next_page_token=more, environment_name=environment)

    async def ImageTagRevisions(self, request: Any, caller: Caller) -> api_pb2.ImageTagRevisionsResponse:
        environment, tag, rows, more = self._names.history(
            request.tag, request.environment_name, request.page_token, request.max_objects
        )
        items = [
            api_pb2.ImageTagRevisionsItem(
                image_id=row["image_id"], revision_id=str(row["revision"]), created_at=row["published_at"]
            )
            for row in rows
        ]
        return api_pb2.ImageTagRevisionsResponse(
            items=items, next_page_token=more, tag=tag, environment_name=environment
        )

    async def ImageNameDelete(self, request: Any, caller: Caller) -> Empty:
        self._names.forget(request.tag)
        return Empty()

    async def ImageDelete(self, request: Any, caller: Caller) -> Empty:
        await self._images.delete(request.image_id)
        return Empty()
