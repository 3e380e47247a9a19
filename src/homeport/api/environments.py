"""RPCs of environments: decode, one use case, encode."""

import sqlite3

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.environments import Environments, image_builder
from homeport.model.errors import NotServedError
from homeport.model.names import DEFAULT_ENVIRONMENT


class EnvironmentServicer:
    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, caller: Caller
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        if request.object_creation_type == api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
            row = self._environments.create(request.deployment_name or DEFAULT_ENVIRONMENT, may_exist=True)
        else:
            row = self._environments.get(request.deployment_name)
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id=row["environment_id"],
            metadata=api_pb2.EnvironmentMetadata(
                name=row["name"],
                settings=api_pb2.EnvironmentSettings(image_builder_version=image_builder(row)),
            ),
        )

    async def EnvironmentList(self, request: Empty, caller: Caller) -> api_pb2.EnvironmentListResponse:
        return api_pb2.EnvironmentListResponse(items=[_item(row) for row in self._environments.all()])

    async def EnvironmentCreate(self, request: api_pb2.EnvironmentCreateRequest, caller: Caller) -> Empty:
        if request.is_managed or request.default_member_role_str or request.environment_type:
            raise NotServedError("Homeport does not serve restricted or public environments.")
        self._environments.create(request.name)
        return Empty()

    async def EnvironmentDelete(self, request: api_pb2.EnvironmentDeleteRequest, caller: Caller) -> Empty:
        self._environments.remove(request.name)
        return Empty()

    async def EnvironmentUpdate(
        self, request: api_pb2.EnvironmentUpdateRequest, caller: Caller
    ) -> api_pb2.EnvironmentListItem:
        for option in (
            "web_suffix",
            "max_concurrent_tasks",
            "max_concurrent_gpus",
            "block_unauthenticated_resources",
        ):
            if request.HasField(option):
                raise NotServedError(f"Homeport does not serve an environment's {option.replace('_', ' ')}.")
        row = self._environments.get(request.current_name)
        if request.HasField("image_builder_version"):
            row = self._environments.set_image_builder(request.current_name, request.image_builder_version)
        if request.HasField("name") and request.name.value != request.current_name:
            row = self._environments.rename(request.current_name, request.name.value)
        return _item(row)


def _item(row: sqlite3.Row) -> api_pb2.EnvironmentListItem:
    item = api_pb2.EnvironmentListItem(
        name=row["name"],
        created_at=row["created_at"],
        default=row["name"] == DEFAULT_ENVIRONMENT,
        environment_id=row["environment_id"],
    )
    if row["image_builder_version"]:
        item.image_builder_version = row["image_builder_version"]
    return item
