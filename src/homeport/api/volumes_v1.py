"""The RPCs of version 1 of volumes: files as whole contents that were sent as a mount's are."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.api.volumes import file_entry
from homeport.control.blobs import Blobs
from homeport.control.volume_edits import NewFile
from homeport.control.volume_service import VolumeService
from homeport.model.errors import FailedPreconditionError
from homeport.model.volume_paths import split_volume_path
from homeport.store.blobs import BlobStore

_INLINE_BYTES = 2 << 20  # as arguments and results; longer content goes through a blob


class VolumeV1Servicer:
    def __init__(self, volumes: VolumeService, blobs: Blobs) -> None:
        self._volumes = volumes
        self._blobs = blobs

    async def VolumeListFiles(
        self, request: Any, caller: Caller
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        limit = request.max_entries if request.HasField("max_entries") else None
        async for batch in self._volumes.reads.list(
            request.volume_id, request.path, recursive=request.recursive, limit=limit
        ):
            yield api_pb2.VolumeListFilesResponse(entries=[file_entry(entry) for entry in batch])

    async def VolumeGetFile(self, request: Any, caller: Caller) -> api_pb2.VolumeGetFileResponse:
        fd, stat = await self._volumes.reads.read(request.volume_id, request.path)
        start = min(request.start, stat.st_size)
        length = min(request.len or stat.st_size, stat.st_size - start)
        response = api_pb2.VolumeGetFileResponse(size=stat.st_size, start=start, len=length)
        with os.fdopen(fd, "rb") as file:
            file.seek(start)
            if length <= _INLINE_BYTES:
                response.data = await asyncio.to_thread(file.read, length)
            else:
                sha256, size = await asyncio.to_thread(self._blobs.store.put_file, file, length)
                response.data_blob_id = self._blobs.add_stored(sha256, size)
        return response

    async def VolumePutFiles(self, request: Any, caller: Caller) -> Empty:
        store = self._blobs.store
        await self._volumes.edits.put(
            request.volume_id,
            [_new_file(file, store) for file in request.files],
            overwrite=not request.disallow_overwrite_existing_files,
        )
        return Empty()

    async def VolumeCopyFiles(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.edits.copy(
            request.volume_id, request.src_paths, request.dst_path, recursive=request.recursive
        )
        return Empty()

    async def VolumeRemoveFile(self, request: Any, caller: Caller) -> Empty:
        await self._volumes.edits.remove(request.volume_id, request.path, recursive=request.recursive)
        return Empty()


def _new_file(file: Any, store: BlobStore) -> NewFile:
    parts = split_volume_path(file.filename)
    if not store.touch(file.sha256_hex):
        raise FailedPreconditionError(
            f"The content of {file.filename!r} has not been uploaded. Upload it again."
        )
    mode = file.mode if file.HasField("mode") else 0o644
    return NewFile(parts, mode, store.path(file.sha256_hex), is_staged=False)
