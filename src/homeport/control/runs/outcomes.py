"""How a run ended: its state and a sentence, from what the database says of its app and its calls."""

import json
from collections.abc import Callable, Sequence
from sqlite3 import Row
from typing import Any, Final, Protocol

from modal_proto import api_pb2

from homeport.control.runs.arguments import function_of
from homeport.record.failing_line import failing_line
from homeport.record.masking import NO_VALUES, ExactValues
from homeport.record.run import State

_MAX_SENTENCE: Final = 600
_FAILED: Final = ("uncaught exception", "deployment failed")
_PLAINLY: Final = {  # reasons that are written for the client's own messages
    "local client was interrupted": "It was interrupted where it was started (Ctrl-C).",
    "local client disconnected without a word": "Its launcher ended without a word, so it was stopped.",
}
_TERMINATED = api_pb2.GenericResult.GENERIC_STATUS_TERMINATED


class Reading(Protocol):
    """The database, from within the engine or from outside."""

    def one(self, query: str, **parameters: Any) -> Row | None: ...

    def all(self, query: str, **parameters: Any) -> list[Row]: ...


def outcome(db: Reading, run_id: str, app_id: str, values: ExactValues = NO_VALUES) -> tuple[State, str]:
    """Of a run that has ended, without these values of Secrets."""
    if run_id == app_id:
        return _of_app(db, app_id, values)
    return of_calls(db, [run_id], lambda call_id: values)[run_id]


def of_calls(
    db: Reading, call_ids: Sequence[str], values_of: Callable[[str], ExactValues]
) -> dict[str, tuple[State, str]]:
    """By call; all of them have ended."""
    counted = {row["call_id"]: row for row in db.all("run_call_outcomes", call_ids=json.dumps(call_ids))}
    return {each: _of_call(db, each, counted.get(each), values_of) for each in call_ids}


def _of_call(
    db: Reading, call_id: str, counted: Row | None, values_of: Callable[[str], ExactValues]
) -> tuple[State, str]:
    if counted is None:
        return "succeeded", "It had no inputs."
    total, succeeded = counted["total"], counted["succeeded"]
    if succeeded == total:
        return "succeeded", "It returned." if total == 1 else f"All {total} inputs succeeded."
    failure = first_failure(db, call_id, values_of(call_id))
    told = "" if total == 1 else f"{total - succeeded} of {total} inputs did not succeed; the first: "
    state: State = "stopped" if counted["terminated"] == total - succeeded else "failed"
    return state, told + failure


def _of_app(db: Reading, app_id: str, values: ExactValues) -> tuple[State, str]:
    app = db.one("run_app", app_id=app_id)
    if app is None:
        return "stopped", "Its app is not known any more."
    if app["stopped_at"] is None and app["name"]:
        return "succeeded", f"{app['name']} is deployed."
    reason = values.masked(str(app["stop_reason"]))
    if reason.startswith(_FAILED):
        failure = first_failure(db, app_id, values)
        return "failed", failure or _sentence(reason[:1].upper() + reason[1:])
    if reason.startswith("local entrypoint completed"):
        failure = first_failure(db, app_id, values)
        return "succeeded", "It came to its end." + (
            f" An input did not succeed: {failure}" if failure else ""
        )
    if reason.startswith("no calls left"):  # detached: its launcher did not wait for the result
        failure = first_failure(db, app_id, values)
        return ("failed", failure) if failure else ("succeeded", "It came to its end.")
    if reason in _PLAINLY:
        return "stopped", _PLAINLY[reason]
    return "stopped", _sentence(reason[:1].upper() + reason[1:]) if reason else "It was stopped."


def first_failure(db: Reading, run_id: str, values: ExactValues = NO_VALUES) -> str:
    """What went wrong first in a run's calls, as a sentence; empty where nothing did."""
    row = db.one("run_first_failure", run_id=run_id)
    if row is None:
        return ""
    result = api_pb2.FunctionGetOutputsItem.FromString(row["output"]).result
    said = values.masked(result.exception.strip()) or "it said nothing"
    if result.status == _TERMINATED:
        return _sentence(said)
    function = function_of(row["tag"] or "A function", api_pb2.FunctionInput.FromString(row["input"]))
    verb = "ran too long" if result.status == api_pb2.GenericResult.GENERIC_STATUS_TIMEOUT else "failed"
    place = failing_line(result.traceback)
    return _sentence(f"{function} {verb}{f' at {place}' if place else ''}: {said}")


def _sentence(text: str) -> str:
    line = " ".join(text.split())[:_MAX_SENTENCE]
    return line if line.endswith((".", "!", "?", "…")) else f"{line}."
