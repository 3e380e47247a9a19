"""The RPCs of Dicts: decode, one use case, encode."""

from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.gateway import Caller
from homeport.control.answers import Answers
from homeport.control.dicts import Dicts
from homeport.control.large_values import LargeValue, LargeValues, Value
from homeport.control.stored_objects import StoredObject, StoredObjects
from homeport.model.errors import FailedPreconditionError, NotServedError
from homeport.model.people import user_name

_PAGE = 100


class DictServicer:
    def __init__(self, objects: StoredObjects, dicts: Dicts, answers: Answers, values: LargeValues) -> None:
        self._objects = objects
        self._dicts = dicts
        self._answers = answers
        self._values = values

    async def DictGetOrCreate(
        self, request: api_pb2.DictGetOrCreateRequest, caller: Caller
    ) -> api_pb2.DictGetOrCreateResponse:
        if request.data:
            raise NotServedError(
                "Homeport does not serve initial data of a Dict, as clients before 1.4 send it: put it in "
                "after the Dict was created."
            )
        kind = request.object_creation_type
        return self._answers.once(
            caller.request_key if kind != api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED else "",
            lambda: _created(
                find_or_create(self._objects, kind, request.environment_name, request.deployment_name)
            ),
            api_pb2.DictGetOrCreateResponse,
        )

    async def DictGetById(
        self, request: api_pb2.DictGetByIdRequest, caller: Caller
    ) -> api_pb2.DictGetByIdResponse:
        found = self._objects.get(request.dict_id)
        return api_pb2.DictGetByIdResponse(dict_id=found.object_id, metadata=_metadata(found))

    async def DictList(self, request: api_pb2.DictListRequest, caller: Caller) -> api_pb2.DictListResponse:
        asked = request.pagination
        page = self._objects.page(request.environment_name, asked.created_before, asked.max_objects or _PAGE)
        return api_pb2.DictListResponse(
            environment_name=request.environment_name,
            dicts=[
                api_pb2.DictListResponse.DictInfo(
                    name=found.name,
                    created_at=found.created_at,
                    dict_id=found.object_id,
                    metadata=_metadata(found),
                )
                for found in page
            ],
        )

    async def DictHeartbeat(self, request: api_pb2.DictHeartbeatRequest, caller: Caller) -> Empty:
        self._objects.heartbeat(request.dict_id)
        return Empty()

    async def DictDelete(self, request: api_pb2.DictDeleteRequest, caller: Caller) -> Empty:
        def delete() -> Empty:
            self._objects.delete(request.dict_id)
            return Empty()

        return self._answers.once(caller.request_key, delete, Empty)

    async def DictGet(self, request: api_pb2.DictGetRequest, caller: Caller) -> api_pb2.DictGetResponse:
        value = await self._loaded(request.dict_id, request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    async def DictContains(
        self, request: api_pb2.DictContainsRequest, caller: Caller
    ) -> api_pb2.DictContainsResponse:
        return api_pb2.DictContainsResponse(found=self._dicts.contains(request.dict_id, request.key))

    async def DictLen(self, request: api_pb2.DictLenRequest, caller: Caller) -> api_pb2.DictLenResponse:
        return api_pb2.DictLenResponse(len=self._dicts.length(request.dict_id))

    async def DictUpdate(
        self, request: api_pb2.DictUpdateRequest, caller: Caller
    ) -> api_pb2.DictUpdateResponse:
        entries = [(entry.key, await self._values.keep(entry.value)) for entry in request.updates]

        def update() -> api_pb2.DictUpdateResponse:
            created = self._dicts.update(request.dict_id, entries, if_not_exists=request.if_not_exists)
            return api_pb2.DictUpdateResponse(created=created)

        return self._answers.once(caller.request_key, update, api_pb2.DictUpdateResponse)

    async def DictPop(self, request: api_pb2.DictPopRequest, caller: Caller) -> api_pb2.DictPopResponse:
        def pop() -> api_pb2.DictPopResponse:
            value = self._dicts.pop(request.dict_id, request.key)
            if not isinstance(value, LargeValue):
                return api_pb2.DictPopResponse(found=value is not None, value=value)
            self._values.release(value)
            # remembered with the file's name in place of a value, and found=False, which only this has
            return api_pb2.DictPopResponse(found=False, value=value.file.encode())

        answer = self._answers.once(
            caller.request_key,
            pop,
            api_pb2.DictPopResponse,
            is_final=lambda answer: answer.found or answer.HasField("value"),
        )
        if answer.found or not answer.HasField("value"):
            return answer
        value = await self._values.load(LargeValue(answer.value.decode(), 0))
        return api_pb2.DictPopResponse(found=True, value=value)

    async def DictClear(self, request: api_pb2.DictClearRequest, caller: Caller) -> Empty:
        def clear() -> Empty:
            self._dicts.clear(request.dict_id)
            return Empty()

        return self._answers.once(caller.request_key, clear, Empty)

    async def DictContents(
        self, request: api_pb2.DictContentsRequest, caller: Caller
    ) -> AsyncIterator[api_pb2.DictEntry]:
        for key, listed in self._dicts.contents(request.dict_id, values=request.values):
            value = await self._loaded(request.dict_id, key, listed)
            if value is not None:
                # also the key where only values are asked for: the client names it where it fails to read one
                yield api_pb2.DictEntry(key=key, value=value)

    async def _loaded(self, dict_id: str, key: bytes, value: Value | None = None) -> bytes | None:
        """The key's value, all of it, None where it has none; `value` where that is known already."""
        missing: Value | None = None
        while True:
            value = self._dicts.get(dict_id, key) if value is None else value
            if value is None:
                return None
            if value == missing:
                raise FailedPreconditionError(
                    f"A value of {dict_id} is gone from this machine's disk; put it there again."
                )
            try:
                return await self._values.load(value)
            except FileNotFoundError:  # another value took its place while its file was looked for
                missing, value = value, None


def find_or_create(
    objects: StoredObjects, kind: api_pb2.ObjectCreationType.ValueType, environment: str, name: str
) -> StoredObject:
    """The Dict or Queue that a request to get or create one means."""
    if kind == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
        return objects.lookup(environment, name)
    if kind == api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL:
        return objects.create_ephemeral(environment)
    if kind in (
        api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING,
        api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS,
    ):
        return objects.create(
            environment, name, fail_if_exists=kind == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS
        )
    raise NotServedError(
        f"Homeport does not make Dicts or Queues by {api_pb2.ObjectCreationType.Name(kind)}; use "
        "from_name or ephemeral."
    )


def _created(made: StoredObject) -> api_pb2.DictGetOrCreateResponse:
    return api_pb2.DictGetOrCreateResponse(dict_id=made.object_id, metadata=_metadata(made))


def _metadata(found: StoredObject) -> api_pb2.DictMetadata:
    return api_pb2.DictMetadata(
        name=found.name,
        creation_info=api_pb2.CreationInfo(created_at=found.created_at, created_by=user_name()),
    )
