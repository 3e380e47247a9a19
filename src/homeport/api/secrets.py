"""The RPCs of secrets. Values come in and never go out."""

import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.environments import Environments
from homeport.control.secrets import Secret, Secrets
from homeport.model.errors import InvalidError
from homeport.model.names import check_object_name
from homeport.model.people import user_name

_PAGE = 100
_NAMED = {
    api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
    api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
    api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS,
}


class SecretServicer:
    def __init__(self, secrets: Secrets, environments: Environments) -> None:
        self._environments = environments
        self._secrets = secrets

    async def SecretGetOrCreate(self, request: Any, caller: Caller) -> api_pb2.SecretGetOrCreateResponse:
        environment = self._environments.name(request.environment_name)
        kind = request.object_creation_type
        if kind in _NAMED:
            secret = self._secrets.create(
                environment,
                check_object_name(request.deployment_name, "Secret"),
                dict(request.env_dict),
                overwrite=kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_OVERWRITE_IF_EXISTS,
                fail_if_exists=kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
            )
        elif kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
            if not request.deployment_name:
                raise InvalidError("A Secret is looked up by its name; the name in this request is empty.")
            secret = self._secrets.lookup(environment, request.deployment_name, request.required_keys)
        else:
            secret = self._secrets.create_anonymous(environment, dict(request.env_dict), request.app_id)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret.secret_id, metadata=_metadata(secret))

    async def SecretGetInfo(self, request: Any, caller: Caller) -> api_pb2.SecretGetInfoResponse:
        return api_pb2.SecretGetInfoResponse(metadata=_metadata(self._secrets.get(request.secret_id)))

    async def SecretList(self, request: Any, caller: Caller) -> api_pb2.SecretListResponse:
        environment = self._environments.name(request.environment_name)
        before = request.pagination.created_before or time.time() + 1
        limit = request.pagination.max_objects or _PAGE
        return api_pb2.SecretListResponse(
            environment_name=environment,
            items=[
                api_pb2.SecretListItem(
                    label=secret.name,
                    created_at=secret.created_at,
                    last_used_at=secret.last_used_at,
                    environment_name=environment,
                    secret_id=secret.secret_id,
                    metadata=_metadata(secret),
                )
                for secret in self._secrets.page(environment, before, limit)
            ],
        )

    async def SecretUpdate(self, request: Any, caller: Caller) -> Empty:
        self._secrets.update(
            request.secret_id,
            {update.key: update.value if update.HasField("value") else None for update in request.updates},
        )
        return Empty()

    async def SecretDelete(self, request: Any, caller: Caller) -> Empty:
        self._secrets.delete(request.secret_id)
        return Empty()


def _metadata(secret: Secret) -> api_pb2.SecretMetadata:
    return api_pb2.SecretMetadata(
        name=secret.name,
        creation_info=api_pb2.CreationInfo(created_at=secret.created_at, created_by=user_name()),
        keys=secret.keys,
        environment_name=secret.environment,
        last_used_at=secret.last_used_at,
    )
