"""The RPCs of Queues: decode, one use case, encode."""

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.api.dicts import find_or_create
from homeport.api.gateway import Caller
from homeport.control.answers import Answers
from homeport.control.containers import Containers
from homeport.control.queue_objects import Partition, QueueObjects
from homeport.control.stored_objects import StoredObject, StoredObjects
from homeport.model.errors import InvalidError, ResourceExhaustedError
from homeport.model.people import user_name
from homeport.plan.stored_limits import put_patience_s

_PAGE: Final = 100
_LONGEST_POLL_S: Final = 55.0  # the client asks for 50 and 30
_REFUSED_KEPT: Final = 4096


class QueueServicer:
    def __init__(
        self, objects: StoredObjects, queues: QueueObjects, answers: Answers, containers: Containers
    ) -> None:
        self._objects = objects
        self._queues = queues
        self._answers = answers
        self._containers = containers
        self._refused: OrderedDict[str, None] = OrderedDict()  # puts that found no room

    async def QueueGetOrCreate(
        self, request: api_pb2.QueueGetOrCreateRequest, caller: Caller
    ) -> api_pb2.QueueGetOrCreateResponse:
        kind = request.object_creation_type
        return self._answers.once(
            caller.request_key if kind != api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED else "",
            lambda: _created(
                find_or_create(self._objects, kind, request.environment_name, request.deployment_name)
            ),
            api_pb2.QueueGetOrCreateResponse,
        )

    async def QueueGetById(
        self, request: api_pb2.QueueGetByIdRequest, caller: Caller
    ) -> api_pb2.QueueGetByIdResponse:
        found = self._objects.get(request.queue_id)
        return api_pb2.QueueGetByIdResponse(queue_id=found.object_id, metadata=_metadata(found))

    async def QueueList(self, request: api_pb2.QueueListRequest, caller: Caller) -> api_pb2.QueueListResponse:
        asked = request.pagination
        page = self._objects.page(request.environment_name, asked.created_before, asked.max_objects or _PAGE)
        response = api_pb2.QueueListResponse(environment_name=request.environment_name)
        for found in page:
            partitions, items = self._queues.totals(found.object_id)
            response.queues.add(
                name=found.name,
                created_at=found.created_at,
                num_partitions=partitions,
                total_size=min(items, request.total_size_limit or items),
                queue_id=found.object_id,
                metadata=_metadata(found),
            )
        return response

    async def QueueHeartbeat(self, request: api_pb2.QueueHeartbeatRequest, caller: Caller) -> Empty:
        self._objects.heartbeat(request.queue_id)
        return Empty()

    async def QueueDelete(self, request: api_pb2.QueueDeleteRequest, caller: Caller) -> Empty:
        def delete() -> Empty:
            self._objects.delete(request.queue_id)
            return Empty()

        return self._answers.once(caller.request_key, delete, Empty)

    async def QueuePut(self, request: api_pb2.QueuePutRequest, caller: Caller) -> Empty:
        key = caller.request_key
        patience_s = put_patience_s(caller.time_left_s, was_refused=key in self._refused)
        try:
            with self._waiting(caller, patience_s):
                await self._queues.put(
                    Partition(request.queue_id, request.partition_key),
                    request.values,
                    request.partition_ttl_seconds,
                    patience_s=patience_s,
                    request=key,
                )
        except ResourceExhaustedError:
            self._note_refusal(key)
            raise
        self._refused.pop(key, None)
        return Empty()

    async def QueueGet(self, request: api_pb2.QueueGetRequest, caller: Caller) -> api_pb2.QueueGetResponse:
        # a client gives up after three repetitions: the answer "nothing yet" makes it begin to count anew
        timeout_s = 0.0 if caller.is_repeated else min(request.timeout, _LONGEST_POLL_S)
        with self._waiting(caller, timeout_s):
            values = await self._queues.get(
                Partition(request.queue_id, request.partition_key),
                request.n_values,
                timeout_s=timeout_s,
                request=caller.request_key,
            )
        return api_pb2.QueueGetResponse(values=values)

    async def QueueNextItems(
        self, request: api_pb2.QueueNextItemsRequest, caller: Caller
    ) -> api_pb2.QueueNextItemsResponse:
        timeout_s = min(request.item_poll_timeout, _LONGEST_POLL_S)
        after = request.last_entry_id or "0"
        if not after.isdecimal():
            raise InvalidError(
                f"{after[:80]!r} is no entry of this engine's Queues; iterate from the beginning."
            )
        with self._waiting(caller, timeout_s):
            items = await self._queues.read(
                Partition(request.queue_id, request.partition_key), int(after), timeout_s
            )
        return api_pb2.QueueNextItemsResponse(
            items=[api_pb2.QueueItem(value=value, entry_id=str(item)) for item, value in items]
        )

    async def QueueLen(self, request: api_pb2.QueueLenRequest, caller: Caller) -> api_pb2.QueueLenResponse:
        if request.total:
            return api_pb2.QueueLenResponse(len=self._queues.totals(request.queue_id)[1])
        partition = Partition(request.queue_id, request.partition_key)
        return api_pb2.QueueLenResponse(len=self._queues.length(partition))

    async def QueueClear(self, request: api_pb2.QueueClearRequest, caller: Caller) -> Empty:
        def clear() -> Empty:
            if request.all_partitions:
                self._queues.clear_all(request.queue_id)
            else:
                self._queues.clear(Partition(request.queue_id, request.partition_key))
            return Empty()

        return self._answers.once(caller.request_key, clear, Empty)

    @contextlib.contextmanager
    def _waiting(self, caller: Caller, timeout_s: float) -> Iterator[None]:
        """Lends out the place of a container that waits: what it waits for may need it."""
        if timeout_s <= 0:
            yield
            return
        self._containers.blocked(caller.task_id, +1)
        try:
            yield
        finally:
            self._containers.blocked(caller.task_id, -1)

    def _note_refusal(self, key: str) -> None:
        if key:
            self._refused[key] = None
            if len(self._refused) > _REFUSED_KEPT:
                self._refused.popitem(last=False)


def _created(made: StoredObject) -> api_pb2.QueueGetOrCreateResponse:
    return api_pb2.QueueGetOrCreateResponse(queue_id=made.object_id, metadata=_metadata(made))


def _metadata(found: StoredObject) -> api_pb2.QueueMetadata:
    return api_pb2.QueueMetadata(
        name=found.name,
        creation_info=api_pb2.CreationInfo(created_at=found.created_at, created_by=user_name()),
    )
