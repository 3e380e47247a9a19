"""The rows of calls, inputs and results: what is written before anything is acknowledged.

What happens to an input, and when, is decided in calls.py and attempts.py.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from sqlite3 import Row

from modal_proto import api_pb2

from homeport.control.queues import Call, Input
from homeport.model.errors import InvalidError, NotFoundError
from homeport.model.ids import INPUT, new_id
from homeport.store.database import Database

_KEPT_S = 7 * 24 * 3600.0  # results, as on Modal
_CLEARED_KEPT_S = 600.0  # after the caller said that it has them: a lost answer may be asked for again
_OUTPUTS_A_POLL = 500


@dataclass(frozen=True)
class Outputs:
    """An answer to a poll: serialised api_pb2.FunctionGetOutputsItem, and the cursor behind the last one."""

    items: list[bytes]
    last_entry: int
    unfinished: int


class CallRows:
    """Reads and writes; several writes that belong together go into one `transaction()`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def transaction(self) -> AbstractContextManager[None]:
        return self._db.transaction()

    # ---- calls

    def call(self, call_id: str) -> Call:
        """Raises NotFoundError."""
        row = self._db.one("call_by_id", call_id=call_id)
        if row is None:
            raise NotFoundError(f"Function call {call_id} does not exist on this engine.")
        return _call(row)

    def call_of_input(self, input_id: str) -> Call | None:
        row = self._db.one("input_call", input_id=input_id)
        return None if row is None else self.call(row["call_id"])

    def insert_call(self, call: Call, parent_input_id: str, *, total_inputs: int) -> None:
        self._db.run(
            "call_insert",
            call_id=call.call_id,
            function_id=call.function_id,
            app_id=call.app_id,
            kind=call.kind,
            invocation=call.invocation,
            parent_input_id=parent_input_id,
            total_inputs=total_inputs,
            created_at=call.created_at,
            is_of_spawn_map=call.is_of_spawn_map,
            run_id=call.run_id,
        )

    def count_inputs(self, call: Call, added: int) -> None:
        self._db.run("call_count_inputs", call_id=call.call_id, added=added)

    def write_cancelled(self, call: Call) -> None:
        self._db.run("call_cancel", call_id=call.call_id, now=time.time())

    def write_cleared(self, call_ids: Sequence[str]) -> None:
        """The callers have all that they wanted of these."""
        now = time.time()
        self._db.run_many("call_clear", [{"call_id": call_id, "now": now} for call_id in call_ids])

    def sweep(self) -> None:
        """Deletes results that are no longer kept."""
        now = time.time()
        bounds = {"cleared_before": now - _CLEARED_KEPT_S, "created_before": now - _KEPT_S}
        with self._db.transaction():
            for query in ("sweep_outputs", "sweep_chunks", "sweep_payloads"):
                self._db.run(query, **bounds)

    # ---- inputs

    def unfinished(self) -> Iterator[Input]:
        """All unfinished inputs; those of one call share its object."""
        calls: dict[str, Call] = {}
        for row in self._db.all("inputs_unfinished_with_calls"):
            call = calls.get(row["call_id"]) or calls.setdefault(row["call_id"], _call(row))
            yield Input(
                input_id=row["input_id"],
                call=call,
                idx=row["idx"],
                attempt=row["attempt"],
                crashes=row["crashes"],
                task_id=row["task_id"] if row["state"] == 1 else None,
                started_at=row["started_at"] or 0.0,
                not_before=row["not_before"] or 0.0,
            )

    def insert_inputs(
        self, call: Call, items: Sequence[api_pb2.FunctionPutInputsItem]
    ) -> list[tuple[int, str]]:
        """Answers (idx, input id) of those that are new to the call."""
        added: list[tuple[int, str]] = []
        for item in items:
            if not item.HasField("input"):
                raise InvalidError(
                    f"Input {item.idx} of function call {call.call_id} came without its arguments."
                )
            input_id = new_id(INPUT)
            cursor = self._db.run(
                "input_insert",
                input_id=input_id,
                call_id=call.call_id,
                idx=item.idx,
                input=item.input.SerializeToString(),
            )
            if cursor.rowcount:
                added.append((item.idx, input_id))
        return added

    def input_at(self, call_id: str, idx: int) -> str:
        row = self._db.one("input_at", call_id=call_id, idx=idx)
        assert row is not None
        return str(row["input_id"])

    def write_claimed(self, entry: Input, task_id: str, now: float) -> bytes:
        """Gives an input to a task, and answers its payload: a serialised api_pb2.FunctionInput."""
        row = self._db.one("input_claim", input_id=entry.input_id, task_id=task_id, now=now)
        assert row is not None
        entry.task_id, entry.started_at = task_id, now
        return bytes(row["input"])

    def payload(self, entry: Input) -> bytes | None:
        row = self._db.one("input_payload", input_id=entry.input_id)
        return None if row is None else bytes(row["input"])

    def write_output(
        self,
        entry: Input,
        result: api_pb2.GenericResult,
        *,
        data_format: int = 0,
        started_at: float = 0.0,
        created_at: float = 0.0,
    ) -> None:
        """Ends an input: its result, and its row. Times are seconds since the epoch, 0 for unknown."""
        now = time.time()
        item = api_pb2.FunctionGetOutputsItem(
            result=result,
            idx=entry.idx,
            input_id=entry.input_id,
            data_format=data_format,  # type: ignore[arg-type]
            task_id=entry.task_id or "",
            input_started_at=started_at or entry.started_at,
            output_created_at=created_at or now,
            # retries are the engine's business: the client takes a count of its own for a stale result
            retry_count=0,
        )
        self._db.run(
            "output_insert",
            call_id=entry.call.call_id,
            input_id=entry.input_id,
            idx=entry.idx,
            output=item.SerializeToString(),
        )
        self._db.run(
            "input_finish",
            input_id=entry.input_id,
            status=result.status,
            now=now,
            task_id=entry.task_id,
        )

    def write_requeue(self, entry: Input, delay: float, *, failed: bool, crashed: bool) -> None:
        """Has an input wait again for `delay` seconds at least, and counts what happened to it."""
        entry.attempt += failed
        entry.crashes += crashed
        entry.not_before = time.time() + delay if delay else 0.0
        self._db.run(
            "input_requeue",
            input_id=entry.input_id,
            attempt=entry.attempt,
            crashes=entry.crashes,
            not_before=entry.not_before or None,
        )

    # ---- results

    def outputs(self, call: Call, after: int, indices: tuple[int, int] | None) -> Outputs:
        """The results that are there: after a cursor, or of an inclusive range of indices."""
        if indices is None:
            rows = self._db.all("outputs_after", call_id=call.call_id, entry=after, limit=_OUTPUTS_A_POLL)
        else:
            rows = self._db.all("outputs_between", call_id=call.call_id, start=indices[0], end=indices[1])
        last = max((row["entry"] for row in rows), default=after)
        return Outputs([row["output"] for row in rows], last, len(call.unfinished))


def _call(row: Row) -> Call:
    return Call(
        call_id=row["call_id"],
        function_id=row["function_id"],
        app_id=row["app_id"],
        kind=row["kind"],
        invocation=row["invocation"],
        created_at=row["created_at"],
        total=row["total_inputs"],
        is_nested=bool(row["parent_input_id"]),
        is_of_spawn_map=bool(row["is_of_spawn_map"]),
        run_id=row["run_id"],
        cancelled=row["cancelled_at"] is not None,
    )
