"""The RPCs of volumes: names, files in blocks (version 2), and a container's commit and reload.

`api/volumes_v1.py` answers for volumes that were asked for as version 1; both have the same storage.
"""

import time
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.environments import Environments
from homeport.control.volume_service import VERSIONS, VolumeService, volume_metadata
from homeport.control.volume_uploads import FileRequest
from homeport.model.errors import FailedPreconditionError, NotServedError
from homeport.model.names import check_object_name
from homeport.model.volume_paths import split_volume_path
from homeport.store.overlay import Entry

_PAGE = 100


class VolumeServicer:
    def __init__(self, volumes: VolumeService, environments: Environments) -> None:
        self._environments = environments
        self._volumes = volumes

    async def VolumeGetOrCreate(self, request: Any, caller: Caller) -> api_pb2.VolumeGetOrCreateResponse:
        names = self._volumes.names
        environment = self._environments.name(request.environment_name)
        if request.create_options.experimental_options:
            options = ", ".join(sorted(request.create_options.experimental_options))
            raise NotServedError(
                f"Homeport serves no experimental options of volumes: {options}. Leave them out."
            )
        kind = request.object_creation_type
        if kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            volume = names.lookup(environment, request.deployment_name)
        elif kind in (
            api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
            api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
        ):
            volume = names.create(
                environment,
                check_object_name(request.deployment_name, "Volume"),
                request.version,
                fail_if_exists=kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
            )
        elif kind == api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL:
            volume = names.create(environment, None, request.version)
        else:
            raise NotServedError(
                f"Homeport does not make volumes by {api_pb2.ObjectCreationType.Name(kind)}; use "
                "Volume.from_name or Volume.ephemeral."
            )
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=volume.volume_id,
            version=VERSIONS[volume.version],
            metadata=volume_metadata(volume),
        )

    async def VolumeGetById(self, request: Any, caller: Caller) -> api_pb2.VolumeGetByIdResponse:
        volume = self._volumes.names.get(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=volume.volume_id, metadata=volume_metadata(volume))

    async def VolumeList(self, request: Any, caller: Caller) -> api_pb2.VolumeListResponse:
        environment = self._environments.name(request.environment_name)
        before = request.pagination.created_before or time.time() + 1
        limit = request.pagination.max_objects or _PAGE
        return api_pb2.VolumeListResponse(
            environment_name=environment,
            items=[
                api_pb2.VolumeListItem(
                    label=volume.name,
                    volume_id=volume.volume_id,
                    created_at=volume.created_at,
                    metadata=volume_metadata(volume),
                )
                for volume in self._volumes.names.page(environment, before, limit)
            ],
        )

    async def VolumeHeartbeat(self, request: Any, caller: Caller) -> Empty:
        self._volumes.names.heartbeat(request.volume_id)
        return Empty()

    async def VolumeRename(self, request: Any, caller: Caller) -> Empty:
        self._volumes.names.rename(request.volume_id, check_object_name(request.name, "Volume"))
        return Empty()

    async def VolumeDelete(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.names.delete(request.volume_id)
        return Empty()

    async def VolumeCommit(self, request: Any, caller: Caller) -> api_pb2.VolumeCommitResponse:
        await self._volumes.commit_task(_task(caller, "commit"), request.volume_id)
        # What others committed is seen after a reload: nothing under the running code changes by a commit.
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    async def VolumeReload(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.mounts.reload(_task(caller, "reload"), request.volume_id)
        return Empty()

    async def VolumeListFiles2(
        self, request: Any, caller: Caller
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        limit = request.max_entries if request.HasField("max_entries") else None
        async for batch in self._volumes.reads.list(
            request.volume_id, request.path, recursive=request.recursive, limit=limit
        ):
            yield api_pb2.VolumeListFiles2Response(entries=[file_entry(entry) for entry in batch])

    async def VolumeGetFile2(self, request: Any, caller: Caller) -> api_pb2.VolumeGetFile2Response:
        reading = await self._volumes.reads.links(request.volume_id, request.path, request.start, request.len)
        return api_pb2.VolumeGetFile2Response(
            get_urls=reading.urls, size=reading.size, start=reading.start, len=reading.length
        )

    async def VolumePutFiles2(self, request: Any, caller: Caller) -> api_pb2.VolumePutFiles2Response:
        files = [
            FileRequest(
                split_volume_path(file.path),
                file.size,
                file.mode if file.HasField("mode") else 0o644,
                tuple(block.contents_sha256 for block in file.blocks),
            )
            for file in request.files
        ]
        receipts = [
            block.put_response for file in request.files for block in file.blocks if block.put_response
        ]
        missing = await self._volumes.uploads.put(
            request.volume_id, files, receipts, overwrite=not request.disallow_overwrite_existing_files
        )
        return api_pb2.VolumePutFiles2Response(
            missing_blocks=[
                api_pb2.VolumePutFiles2Response.MissingBlock(
                    file_index=block.file, block_index=block.block, put_url=block.url
                )
                for block in missing
            ]
        )

    async def VolumeCopyFiles2(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.edits.copy(
            request.volume_id, request.src_paths, request.dst_path, recursive=request.recursive
        )
        return Empty()

    async def VolumeRemoveFile2(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.edits.remove(request.volume_id, request.path, recursive=request.recursive)
        return Empty()


def file_entry(entry: Entry) -> api_pb2.FileEntry:
    """An entry of a listing; a folder has no size, as clients add the sizes up."""
    if entry.is_folder:
        kind = api_pb2.FileEntry.DIRECTORY
    elif entry.is_link:
        kind = api_pb2.FileEntry.SYMLINK
    elif entry.is_file:
        kind = api_pb2.FileEntry.FILE
    else:
        kind = api_pb2.FileEntry.SOCKET if entry.is_socket else api_pb2.FileEntry.FIFO
    return api_pb2.FileEntry(
        # a name that is no UTF-8 is shown escaped: the wire holds text only
        path=entry.path.encode("utf-8", "backslashreplace").decode(),
        type=kind,
        mtime=max(0, int(entry.stat.st_mtime)),
        size=0 if entry.is_folder else entry.stat.st_size,
    )


def _task(caller: Caller, what: str) -> str:
    if caller.task_id is None:
        raise FailedPreconditionError(
            f"Volume.{what}() works inside a container that mounts the volume; outside there is nothing to "
            f"{what}."
        )
    return caller.task_id
