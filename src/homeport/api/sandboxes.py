"""Sandboxes: containers that run a command. Clients since 1.6 use the RPCs whose names end in V2, which do
the same here."""

import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.api.logs import encode
from homeport.api.router_access import RouterAccess
from homeport.control.apps import Apps
from homeport.control.log_files import Selection
from homeport.control.logs import Logs
from homeport.control.sandboxes import Sandboxes
from homeport.model.errors import NotServedError

_LONGEST_WAIT_S = 60.0


class SandboxServicer:
    def __init__(self, sandboxes: Sandboxes, apps: Apps, logs: Logs, access: RouterAccess) -> None:
        self._sandboxes = sandboxes
        self._apps = apps
        self._logs = logs
        self._access = access

    async def SandboxCreate(
        self, request: api_pb2.SandboxCreateRequest, caller: Caller
    ) -> api_pb2.SandboxCreateResponse:
        row, warnings = await self._sandboxes.create(request.app_id, request.definition, _tags(request.tags))
        for sentence in warnings:
            caller.warn(sentence)
        return api_pb2.SandboxCreateResponse(sandbox_id=row["sandbox_id"], metadata=_metadata(row))

    async def SandboxCreateV2(
        self, request: api_pb2.SandboxCreateV2Request, caller: Caller
    ) -> api_pb2.SandboxCreateV2Response:
        if request.cloud_bucket_mount_credentials:
            raise NotServedError("Homeport does not serve CloudBucketMount in a Sandbox yet; remove it.")
        sources = list(request.secret_sources)
        if request.ephemeral_secrets.contents:
            sources.append(api_pb2.SecretSource(env=request.ephemeral_secrets))
        row, warnings = await self._sandboxes.create(
            request.app_id, request.definition, _tags(request.tags), sources
        )
        for sentence in warnings:
            caller.warn(sentence)
        response = api_pb2.SandboxCreateV2Response(
            sandbox_id=row["sandbox_id"], task_id=row["task_id"], metadata=_metadata(row)
        )
        if caller.task_id is None:  # saves the client a request
            response.command_router_access.CopyFrom(self._access.give(row["task_id"], caller))
        return response

    async def SandboxGetTaskId(
        self, request: api_pb2.SandboxGetTaskIdRequest, caller: Caller
    ) -> api_pb2.SandboxGetTaskIdResponse:
        row = self._sandboxes.row(request.sandbox_id)
        response = api_pb2.SandboxGetTaskIdResponse(task_id=row["task_id"])
        if row["ended_at"] is not None:
            response.task_result.CopyFrom(_result(row))
        return response

    SandboxGetTaskIdV2 = SandboxGetTaskId

    async def SandboxGetCommandRouterAccess(
        self, request: api_pb2.SandboxGetCommandRouterAccessRequest, caller: Caller
    ) -> api_pb2.SandboxGetCommandRouterAccessResponse:
        if request.task_id:  # `modal container exec`, also into a function's container
            found = await self._access.give_live(request.task_id, caller)
        else:  # what it printed is to be had after its end, too
            found = self._access.give(self._sandboxes.row(request.sandbox_id)["task_id"], caller)
        return api_pb2.SandboxGetCommandRouterAccessResponse(url=found.url, jwt=found.jwt)

    async def SandboxWait(
        self, request: api_pb2.SandboxWaitRequest, caller: Caller
    ) -> api_pb2.SandboxWaitResponse:
        row = await self._sandboxes.wait(request.sandbox_id, min(request.timeout, _LONGEST_WAIT_S))
        return api_pb2.SandboxWaitResponse(result=_result(row), metadata=_metadata(row))

    SandboxWaitV2 = SandboxWait

    async def SandboxTerminate(
        self, request: api_pb2.SandboxTerminateRequest, caller: Caller
    ) -> api_pb2.SandboxTerminateResponse:
        row = self._sandboxes.terminate(request.sandbox_id)
        return api_pb2.SandboxTerminateResponse(existing_result=_result(row))

    SandboxTerminateV2 = SandboxTerminate

    async def SandboxList(
        self, request: api_pb2.SandboxListRequest, caller: Caller
    ) -> api_pb2.SandboxListResponse:
        environment = "" if request.app_id else self._apps.environments.name(request.environment_name)
        rows = self._sandboxes.page(
            request.app_id,
            environment,
            _tags(request.tags),
            request.before_timestamp,
            include_ended=request.include_finished,
        )
        return api_pb2.SandboxListResponse(sandboxes=[self._info(row) for row in rows])

    SandboxListV2 = SandboxList

    async def SandboxGetFromName(
        self, request: api_pb2.SandboxGetFromNameRequest, caller: Caller
    ) -> api_pb2.SandboxGetFromNameResponse:
        app = self._apps.deployed(request.environment_name, request.app_name)
        row = self._sandboxes.named(
            app["app_id"], request.app_name, request.sandbox_name, include_ended=request.include_terminated
        )
        return api_pb2.SandboxGetFromNameResponse(sandbox_id=row["sandbox_id"], metadata=_metadata(row))

    SandboxGetFromNameV2 = SandboxGetFromName

    async def SandboxTagsGet(
        self, request: api_pb2.SandboxTagsGetRequest, caller: Caller
    ) -> api_pb2.SandboxTagsGetResponse:
        self._sandboxes.row(request.sandbox_id)
        return api_pb2.SandboxTagsGetResponse(tags=_tag_messages(self._sandboxes.tags(request.sandbox_id)))

    SandboxTagsGetV2 = SandboxTagsGet

    async def SandboxTagsSet(self, request: api_pb2.SandboxTagsSetRequest, caller: Caller) -> Empty:
        self._sandboxes.row(request.sandbox_id)
        self._sandboxes.set_tags(request.sandbox_id, _tags(request.tags))
        return Empty()

    SandboxTagsSetV2 = SandboxTagsSet

    async def SandboxGetLogs(
        self, request: api_pb2.SandboxGetLogsRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        row = self._sandboxes.row(request.sandbox_id)
        selection = Selection(request.file_descriptor, row["task_id"])
        stream = self._logs.stream(row["app_id"], selection, request.last_entry_id, request.timeout)
        async with aclosing(stream):
            async for batch in stream:
                message = encode(batch)
                message.eof, message.app_done = batch.is_app_done, False
                yield message

    async def SandboxStdinWrite(
        self, request: api_pb2.SandboxStdinWriteRequest, caller: Caller
    ) -> api_pb2.SandboxStdinWriteResponse:
        await self._sandboxes.write_stdin(
            request.sandbox_id, request.index, request.input, is_last=request.eof
        )
        return api_pb2.SandboxStdinWriteResponse()

    def _info(self, row: sqlite3.Row) -> api_pb2.SandboxInfo:
        sandbox = api_pb2.Sandbox.FromString(row["definition"])
        info = api_pb2.SandboxInfo(
            id=row["sandbox_id"],
            created_at=row["created_at"],
            app_id=row["app_id"],
            name=row["name"],
            image_id=sandbox.image_id,
            timeout_secs=sandbox.timeout_secs,
            idle_timeout_secs=sandbox.idle_timeout_secs,
            tags=_tag_messages(self._sandboxes.tags(row["sandbox_id"])),
            metadata=_metadata(row),
        )
        info.task_info.id, info.task_info.sandbox_id = row["task_id"], row["sandbox_id"]
        info.task_info.result.CopyFrom(_result(row))
        if row["ended_at"] is not None:
            info.task_info.finished_at = row["ended_at"]
        return info


def _tags(tags: Iterable[api_pb2.SandboxTag]) -> dict[str, str]:
    return {tag.tag_name: tag.tag_value for tag in tags}


def _tag_messages(tags: dict[str, str]) -> list[api_pb2.SandboxTag]:
    return [api_pb2.SandboxTag(tag_name=name, tag_value=value) for name, value in tags.items()]


def _metadata(row: sqlite3.Row) -> api_pb2.SandboxHandleMetadata:
    return api_pb2.SandboxHandleMetadata(result=_result(row), app_id=row["app_id"])


def _result(row: sqlite3.Row) -> api_pb2.GenericResult:
    """Empty while it runs."""
    if row["ended_at"] is None:
        return api_pb2.GenericResult()
    return api_pb2.GenericResult(status=row["status"], exitcode=row["exit_code"], exception=row["exception"])
