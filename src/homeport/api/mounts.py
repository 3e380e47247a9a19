"""The RPCs of mounts: which contents are missing, sending them, making a mount of them."""

from typing import Any

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.blobs import Blobs
from homeport.control.environments import Environments
from homeport.control.mounts import Mount, Mounts, tree_file
from homeport.model.errors import InvalidError


class MountServicer:
    def __init__(self, mounts: Mounts, blobs: Blobs, environments: Environments) -> None:
        self._environments = environments
        self._mounts = mounts
        self._blobs = blobs

    async def MountBatchedCheckExistence(
        self, request: Any, caller: Caller
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        return api_pb2.MountBatchedCheckExistenceResponse(
            missing_sha256_hex_hashes=self._mounts.missing(request.sha256_hex_hashes)
        )

    async def MountPutFile(self, request: Any, caller: Caller) -> api_pb2.MountPutFileResponse:
        kind = request.WhichOneof("data_oneof")
        if kind == "data":
            await self._mounts.put_file(request.sha256_hex, request.data)
        elif kind == "data_blob_id" and self._blobs.sha256(request.data_blob_id) != request.sha256_hex:
            raise InvalidError(
                f"Blob {request.data_blob_id} holds other content than the announced {request.sha256_hex}. "
                "Upload the file again."
            )
        return api_pb2.MountPutFileResponse(exists=not self._mounts.missing([request.sha256_hex]))

    async def MountGetOrCreate(self, request: Any, caller: Caller) -> api_pb2.MountGetOrCreateResponse:
        environment = self._environments.name(request.environment_name)
        if request.namespace == api_pb2.DEPLOYMENT_NAMESPACE_GLOBAL:
            environment = ""
        kind = request.object_creation_type
        if kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            return _response(self._mounts.by_name(request.deployment_name, environment))
        named = kind not in (
            api_pb2.OBJECT_CREATION_TYPE_ANONYMOUS_OWNED_BY_APP,
            api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL,
        )
        if named and not request.deployment_name:
            raise InvalidError(
                "A mount that is created by name needs one; the request's deployment_name is empty."
            )
        mount = await self._mounts.create(
            [
                tree_file(file.filename, file.sha256_hex, file.mode if file.HasField("mode") else None)
                for file in request.files
            ],
            name=request.deployment_name if named else None,
            environment=environment,
            fail_if_exists=kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
        )
        return _response(mount)


def _response(mount: Mount) -> api_pb2.MountGetOrCreateResponse:
    return api_pb2.MountGetOrCreateResponse(
        mount_id=mount.mount_id,
        handle_metadata=api_pb2.MountHandleMetadata(content_checksum_sha256_hex=mount.checksum),
    )
