"""BlobCreate and BlobGet: links for content too long for a message. The content itself goes by HTTP."""

from typing import Any

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.blobs import Blobs


class BlobServicer:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def BlobCreate(self, request: Any, caller: Caller) -> api_pb2.BlobCreateResponse:
        upload = self._blobs.create(request.content_sha256_base64, request.content_length)
        response = api_pb2.BlobCreateResponse(blob_id=upload.blob_id, blob_ids=[upload.blob_id])
        # the fields in the singular are for clients older than the lists: both oneofs are answered
        if upload.part_bytes:
            multipart = api_pb2.MultiPartUpload(
                part_length=upload.part_bytes,
                upload_urls=upload.urls,
                completion_url=upload.completion_url,
            )
            response.multipart.CopyFrom(multipart)
            response.multiparts.items.append(multipart)
        else:
            response.upload_url = upload.urls[0]
            response.upload_urls.items.extend(upload.urls)
        return response

    async def BlobGet(self, request: Any, caller: Caller) -> api_pb2.BlobGetResponse:
        return api_pb2.BlobGetResponse(download_url=self._blobs.download_url(request.blob_id))
