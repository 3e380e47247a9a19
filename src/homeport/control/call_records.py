"""What is known of calls that were made: counts by function, the graph of nested calls."""

from modal_proto import api_pb2

from homeport.control.functions import Functions
from homeport.model.errors import NotFoundError
from homeport.store.database import Database

_LISTED_CALLS = 100
_GRAPH_INPUTS = 1000


class CallRecords:
    """Reads what calls.py writes."""

    def __init__(self, db: Database, functions: Functions) -> None:
        self._db = db
        self._functions = functions

    def retry_policy(self, function_id: str) -> api_pb2.FunctionRetryPolicy:
        """As the function's definition has it. Raises NotFoundError."""
        return self._functions.get(function_id).function.retry_policy

    def of_function(self, function_id: str) -> list[api_pb2.FunctionCallInfo]:
        """The newest calls of a function, with their inputs counted by outcome."""
        self._functions.get(function_id)
        infos: list[api_pb2.FunctionCallInfo] = []
        rows = self._db.all("calls_of_function", function_id=function_id, limit=_LISTED_CALLS)
        for idx, row in enumerate(rows):
            info = api_pb2.FunctionCallInfo(
                function_call_id=row["call_id"],
                idx=idx,
                created_at=row["created_at"],
                total_inputs=row["total_inputs"],
            )
            info.pending_inputs.total = row["pending"]
            info.succeeded_inputs.total = row["succeeded"]
            info.failed_inputs.total = row["failed"]
            info.timeout_inputs.total = row["timed_out"]
            info.cancelled_inputs.total = row["cancelled"]
            infos.append(info)
        return infos

    def of_call(self, call_id: str) -> api_pb2.FunctionCallInfo:
        """One call, with its inputs counted by outcome. Raises NotFoundError."""
        row = self._db.one("call_by_id", call_id=call_id)
        if row is None:
            raise NotFoundError(f"Function call {call_id} does not exist on this engine.")
        info = api_pb2.FunctionCallInfo(
            function_call_id=call_id, created_at=row["created_at"], total_inputs=row["total_inputs"]
        )
        by_status = {
            api_pb2.GenericResult.GENERIC_STATUS_SUCCESS: info.succeeded_inputs,
            api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT: info.timeout_inputs,
            api_pb2.GenericResult.GENERIC_STATUS_TERMINATED: info.cancelled_inputs,
        }
        for counted in self._db.all("call_outcomes", call_id=call_id):
            is_finished = counted["state"] == 2
            category = by_status.get(counted["status"], info.failed_inputs)
            (category if is_finished else info.pending_inputs).total += counted["inputs"]
        return info

    def graph(self, call_id: str) -> api_pb2.FunctionGetCallGraphResponse:
        """A call's inputs, the calls that they made, and so on, from the outermost call down."""
        response = api_pb2.FunctionGetCallGraphResponse()
        pending = [self._outermost(call_id)]
        while pending:
            row = self._db.one("call_by_id", call_id=pending.pop())
            if row is None:
                continue
            function = self._functions.get(row["function_id"]).function
            response.function_calls.add(
                function_call_id=row["call_id"],
                parent_input_id=row["parent_input_id"],
                function_name=function.function_name,
                module_name=function.module_name,
            )
            left = _GRAPH_INPUTS - len(response.inputs)
            for entry in self._db.all("inputs_of_call", call_id=row["call_id"], limit=left + 1):
                if len(response.inputs) >= _GRAPH_INPUTS:
                    response.truncated = True
                    return response
                response.inputs.add(
                    input_id=entry["input_id"],
                    status=entry["status"],
                    function_call_id=row["call_id"],
                    task_id=entry["task_id"] or "",
                )
                below = self._db.all("calls_below_input", input_id=entry["input_id"])
                pending.extend(child["call_id"] for child in below)
        return response

    def _outermost(self, call_id: str) -> str:
        if self._db.one("call_by_id", call_id=call_id) is None:
            raise NotFoundError(f"Function call {call_id} does not exist on this engine.")
        while True:
            row = self._db.one("call_by_id", call_id=call_id)
            if row is None or not row["parent_input_id"]:
                return call_id
            parent = self._db.one("input_call", input_id=row["parent_input_id"])
            if parent is None:
                return call_id
            call_id = parent["call_id"]
