"""The RPCs of images: asking for one, following its build, finding it by its id."""

import time
from collections.abc import AsyncIterator
from typing import Any

from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.image_definition import ImageDefinition, definition_of
from homeport.control.images import BUILDING, BUILT, FAILED, Image, Images
from homeport.model.errors import FailedPreconditionError, InvalidError, NotServedError
from homeport.plan.log_records import STDERR, STDOUT, Record

_DESCRIPTORS = {
    STDOUT: api_pb2.FILE_DESCRIPTOR_STDOUT,
    STDERR: api_pb2.FILE_DESCRIPTOR_STDERR,
}


class ImageServicer:
    def __init__(self, images: Images) -> None:
        self._images = images

    async def ImageGetOrCreate(self, request: Any, caller: Caller) -> api_pb2.ImageGetOrCreateResponse:
        image = await self._images.get_or_create(_definition(request, caller))
        response = api_pb2.ImageGetOrCreateResponse(image_id=image.image_id)
        if image.state != BUILDING:
            response.result.CopyFrom(_result(image))
        if image.metadata is not None:
            response.metadata.ParseFromString(image.metadata)
        return response

    async def ImageJoinStreaming(
        self, request: Any, caller: Caller
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        offset = _offset(request.last_entry_id)
        replay = request.include_logs_for_finished
        async for event in self._images.follow(request.image_id, offset, request.timeout, replay=replay):
            if isinstance(event, Image):
                yield _end(event)
            else:
                yield api_pb2.ImageJoinStreamingResponse(
                    task_logs=[_task_log(record) for record in event], entry_id=str(event[-1].end)
                )

    async def ImageBuildChainGet(self, request: Any, caller: Caller) -> api_pb2.ImageBuildChainGetResponse:
        """The client then asks for the logs of `builder_app_id`, which is the image's own id here."""
        response = api_pb2.ImageBuildChainGetResponse()
        for row in self._images.chain(request.image_id):
            step = response.build_steps.add(image_id=row["image_id"], builder_app_id=row["image_id"])
            step.started_at.FromMilliseconds(int(row["created_at"] * 1000))
            step.finished_at.FromMilliseconds(int(((row["finished_at"] or time.time()) + 1) * 1000))
        return response

    async def ImageFromId(self, request: Any, caller: Caller) -> api_pb2.ImageFromIdResponse:
        image = self._images.get(request.image_id)
        if image.state != BUILT:
            raise FailedPreconditionError(
                f"Image {image.image_id} is not built. Run the app that defines it."
            )
        response = api_pb2.ImageFromIdResponse(image_id=image.image_id)
        if image.metadata is not None:
            response.metadata.ParseFromString(image.metadata)
        return response


def _definition(request: Any, caller: Caller) -> ImageDefinition:
    """Raises NotServedError for what no build here honours, by the name that users know."""
    image = request.image
    if image.build_function_def:
        raise NotServedError(
            "Homeport does not serve Image.run_function as this old client asks for it: upgrade modal."
        )
    if image.volume_mounts:
        raise NotServedError(
            "Homeport does not serve Image.run_commands(volumes=…) yet: use the volume in the function."
        )
    if image.runtime not in ("", "runc"):
        raise NotServedError(
            f"Homeport does not serve the runtime {image.runtime!r}: remove function_runtime from the "
            "client's configuration."
        )
    if not image.dockerfile_commands and not image.HasField("build_function"):
        raise InvalidError("The image's definition holds no commands.")
    function_id = request.build_function_id
    if image.HasField("build_function") and not function_id:
        raise InvalidError("An image with a build function came without the function's id.")
    return definition_of(
        image,
        builder_version=request.builder_version,
        client_version=caller.client_version,
        function_id=function_id,
        app_id=request.app_id,
        force_build=request.force_build,
        ignore_cache=request.ignore_cache,
    )


def _offset(entry_id: str) -> int:
    if not entry_id:
        return 0
    if not entry_id.isdecimal():
        raise InvalidError(f"{entry_id!r} is no position in an image's log.")
    return int(entry_id)


def _task_log(record: Record) -> api_pb2.TaskLogs:
    return api_pb2.TaskLogs(
        data=record.data.decode("utf-8", "replace"),
        file_descriptor=_DESCRIPTORS.get(record.fd, api_pb2.FILE_DESCRIPTOR_INFO),
        timestamp=record.time_s,
    )


def _end(image: Image) -> api_pb2.ImageJoinStreamingResponse:
    response = api_pb2.ImageJoinStreamingResponse(result=_result(image), eof=True)
    if image.metadata is not None:
        response.metadata.ParseFromString(image.metadata)
    return response


def _result(image: Image) -> api_pb2.GenericResult:
    if image.state == BUILT:
        return api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)
    if image.state == FAILED:
        return api_pb2.GenericResult(
            status=api_pb2.GenericResult.GENERIC_STATUS_FAILURE,
            exception=image.error,
            exitcode=image.exit_status,
        )
    return api_pb2.GenericResult(
        status=api_pb2.GenericResult.GENERIC_STATUS_TERMINATED, exception=image.error
    )
