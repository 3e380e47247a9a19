"""What Queues hold: items in partitions, first in, first out; who waits for an item, and who for room.

Taking an item and the answer that carries it are written together (answers.py), so a client that asks again
after the engine was killed gets the same item. Names and lives of Queues are left to stored_objects.py.
"""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.empty_pb2 import Empty
from modal_proto import api_pb2

from homeport.control.answers import Answers
from homeport.control.expiry import Expiry
from homeport.control.stored_objects import StoredObjects
from homeport.control.waiters import Waiters
from homeport.model.errors import InvalidError, ResourceExhaustedError
from homeport.plan.stored_limits import (
    MAX_ITEMS,
    MAX_PARTITION_BYTES,
    MAX_PARTITIONS,
    check_items,
    check_partition_key,
    has_room,
    partition_ttl_s,
)
from homeport.store.database import Database

_PAGE_ITEMS: Final = 1000  # of a reading without taking
_PAGE_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Partition:
    """Which line of items of which Queue; b"" is the default one."""

    queue_id: str
    key: bytes = b""

    def columns(self) -> dict[str, str | bytes]:
        return {"queue_id": self.queue_id, "partition_key": self.key}


class QueueObjects:
    """The items of all Queues. Every method raises NotFoundError for a Queue that does not exist."""

    def __init__(
        self,
        db: Database,
        objects: StoredObjects,
        answers: Answers,
        expiry: Expiry,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._objects = objects
        self._answers = answers
        self._expiry = expiry
        self._clock = clock
        self._getters = Waiters()
        self._putters = Waiters()
        self._readers = Waiters()
        objects.on_delete.append(self._wake_queue)
        expiry.add(self._expire)

    async def put(
        self,
        partition: Partition,
        values: Sequence[bytes],
        ttl_s: int = 0,
        *,
        patience_s: float = 0.0,
        request: str = "",
    ) -> None:
        """Adds items at the end, all or none, and waits up to `patience_s` for room.

        Raises ResourceExhaustedError where there is no room, InvalidError for what never fits.
        """
        check_partition_key(partition.key)
        check_items([len(value) for value in values])
        kept_s = partition_ttl_s(ttl_s)
        deadline = time.monotonic() + patience_s
        try:
            with self._putters.stand(partition) as place:
                while True:
                    try:
                        self._answers.once(request, lambda: self._put(partition, values, kept_s), Empty)
                        break
                    except ResourceExhaustedError:
                        left_s = deadline - time.monotonic()
                        if left_s <= 0:
                            raise
                        await place.wait(left_s)
        finally:
            self._putters.wake_first(partition)  # there may be room for the next one as well
        self._wake_takers(partition, len(values))

    async def get(
        self, partition: Partition, limit: int, *, timeout_s: float = 0.0, request: str = ""
    ) -> list[bytes]:
        """Takes up to `limit` items from the beginning; waits for the first one. None when the time is over.

        Raises InvalidError for a limit below 1.
        """
        check_partition_key(partition.key)
        if limit < 1:
            raise InvalidError(f"{limit} items were asked of {partition.queue_id}; ask for 1 or more.")
        taken = self._take(partition, limit, request)
        if taken or timeout_s <= 0:
            return taken
        deadline = time.monotonic() + timeout_s
        try:
            with self._getters.stand(partition) as place:
                while not taken and (left_s := deadline - time.monotonic()) > 0:
                    await place.wait(left_s)
                    taken = self._take(partition, limit, request)
        finally:  # what woke this one may be for the next, above all if this one was cancelled
            if self._getters.are_at(partition) and self._db.one("queue_partition", **partition.columns()):
                self._getters.wake_first(partition)
        return taken

    async def read(self, partition: Partition, after: int, timeout_s: float) -> list[tuple[int, bytes]]:
        """Numbers and values of the items after a number, as many as fit one answer, taking none. Waits for
        the first one up to `timeout_s`."""
        check_partition_key(partition.key)
        found = self._page(partition, after)
        deadline = time.monotonic() + timeout_s
        with self._readers.stand(partition) as place:
            while not found and (left_s := deadline - time.monotonic()) > 0:
                await place.wait(left_s)
                found = self._page(partition, after)
        return found

    def length(self, partition: Partition) -> int:
        check_partition_key(partition.key)
        self._objects.get(partition.queue_id)
        row = self._live(partition)
        return int(row["items"]) if row is not None else 0

    def totals(self, queue_id: str) -> tuple[int, int]:
        """How many partitions hold something, and how many items they hold together."""
        self._objects.get(queue_id)
        row = self._db.one("queue_partition_totals", queue_id=queue_id, now=self._clock())
        return (int(row["partitions"]), int(row["items"])) if row is not None else (0, 0)

    def clear(self, partition: Partition) -> None:
        check_partition_key(partition.key)
        with self._db.transaction():
            self._objects.get(partition.queue_id)
            self._empty(partition)

    def clear_all(self, queue_id: str) -> None:
        """Clears every partition."""
        with self._db.transaction():
            self._objects.get(queue_id)
            self._db.run("clear_queue_items", queue_id=queue_id)
            self._db.run("clear_queue_partitions", queue_id=queue_id)
        self._wake_queue(queue_id)

    # ---- in a transaction

    def _put(self, partition: Partition, values: Sequence[bytes], kept_s: float) -> Empty:
        self._objects.get(partition.queue_id)
        sizes = [len(value) for value in values]
        row = self._live(partition)
        if row is None:
            self._check_partitions(partition.queue_id)
        elif not has_room(row["items"], row["size_bytes"], sizes):
            raise ResourceExhaustedError(
                f"The partition of {partition.queue_id} is full: it holds {row['items']} items of "
                f"{row['size_bytes']} bytes, and may hold {MAX_ITEMS} of {MAX_PARTITION_BYTES}. Get some "
                "first."
            )
        if not values:
            return Empty()
        columns = partition.columns()
        self._db.run_many("add_queue_item", [{**columns, "value": value} for value in values])
        expires_at = self._clock() + kept_s
        self._db.run(
            "grow_queue_partition",
            **columns,
            items=len(values),
            size_bytes=sum(sizes),
            expires_at=expires_at,
        )
        self._expiry.due(expires_at)
        return Empty()

    def _check_partitions(self, queue_id: str) -> None:
        row = self._db.one("count_queue_partitions", queue_id=queue_id)
        if row is not None and row["partitions"] >= MAX_PARTITIONS:
            raise ResourceExhaustedError(
                f"{queue_id} has {row['partitions']} partitions that hold something, and may have no more: "
                "empty some first."
            )

    def _take(self, partition: Partition, limit: int, request: str) -> list[bytes]:
        def work() -> api_pb2.QueueGetResponse:
            row = self._live(partition)
            if row is None:
                self._objects.get(partition.queue_id)
                return api_pb2.QueueGetResponse()
            columns = partition.columns()
            rows = self._db.all("queue_items_after", **columns, after=0, limit=limit)
            values = [row["value"] for row in rows]
            self._db.run("delete_queue_items_to", **columns, last=rows[-1]["item"])
            if len(rows) == row["items"]:
                self._db.run("clear_queue_partition", **columns)
            else:
                size_bytes = sum(len(value) for value in values)
                self._db.run("shrink_queue_partition", **columns, items=len(values), size_bytes=size_bytes)
            return api_pb2.QueueGetResponse(values=values)

        answer = self._answers.once(
            request, work, api_pb2.QueueGetResponse, is_final=lambda answer: bool(answer.values)
        )
        if answer.values:
            self._putters.wake_first(partition)
        return list(answer.values)

    def _page(self, partition: Partition, after: int) -> list[tuple[int, bytes]]:
        self._objects.get(partition.queue_id)
        if self._live(partition) is None:
            return []
        page: list[tuple[int, bytes]] = []
        size_bytes = 0
        rows = self._db.run("queue_items_after", **partition.columns(), after=after, limit=_PAGE_ITEMS)
        for row in rows:
            page.append((row["item"], row["value"]))
            size_bytes += len(row["value"])
            if size_bytes > _PAGE_BYTES:
                break
        rows.close()
        return page

    def _live(self, partition: Partition) -> sqlite3.Row | None:
        """The partition's row, if it holds something whose time is not over."""
        row = self._db.one("queue_partition", **partition.columns())
        if row is not None and row["expires_at"] <= self._clock():
            with self._db.transaction():
                self._empty(partition)
            return None
        return row

    def _empty(self, partition: Partition) -> None:
        self._db.run("clear_queue_partition_items", **partition.columns())
        self._db.run("clear_queue_partition", **partition.columns())
        self._putters.wake_first(partition)

    # ---- those who wait

    def _wake_takers(self, partition: Partition, items: int) -> None:
        self._readers.wake_all(partition)
        self._getters.wake_first(partition, items)

    def _wake_queue(self, queue_id: str) -> None:
        """Lets all who wait at a Queue look again: it was emptied or deleted."""
        for waiters in (self._getters, self._putters, self._readers):
            for key in waiters.waited_for():
                if isinstance(key, Partition) and key.queue_id == queue_id:
                    waiters.wake_all(key)

    def _expire(self, now: float) -> float | None:
        for row in self._db.all("expired_queue_partitions", now=now):
            with self._db.transaction():
                self._empty(Partition(row["queue_id"], row["partition_key"]))
        first = self._db.one("next_expiring_queue_partition")
        expires_at: float | None = first["expires_at"] if first is not None else None
        return expires_at
