"""Puts a run's record together, at any time: of the database, and of the files that were written meanwhile.

Reads only. What is damaged or missing is named in the record's `missing`, and the rest comes all the same.
"""

import os
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Row
from typing import Any, Final, TypeVar

import msgspec
from modal_proto import api_pb2

from homeport import __version__
from homeport.control.function_messages import stored_handle
from homeport.control.runs import task_files
from homeport.control.runs.arguments import arguments_of, function_of, parameters_of
from homeport.control.runs.folders import RunFolders, read_json
from homeport.control.runs.given import placed
from homeport.control.runs.outcomes import Reading, outcome
from homeport.control.runs.reads import Reads
from homeport.model.home import Home
from homeport.record import notes
from homeport.record.codec import decode
from homeport.record.masking import ExactValues
from homeport.record.run import (
    Argument,
    Call,
    Contract,
    Count,
    Function,
    Launcher,
    Machine,
    Run,
    Source,
)
from homeport.record.versions import joined, of_definition

_MAX_CALLS: Final = 2000
_T = TypeVar("_T")


class ContractFile(msgspec.Struct):
    """What contract_watch.py writes: `contract.json` in the run's folder."""

    contract: Contract | None = None
    counts: tuple[Count, ...] = ()


class Composer:
    """Of one home; `db` may be the engine's or a read-only one."""

    def __init__(self, home: Home, db: Reading, reads: Reads | None = None) -> None:
        self._db = db
        self._reads = reads or Reads()
        self._folders = RunFolders(home)
        self._missing: list[str] = []

    def run(self, row: Row) -> Run:
        """The record as it is known now."""
        self._missing = []
        run_id, app_id = row["run_id"], row["app_id"]
        self._part("what was missed", self._missed, run_id)
        is_call = run_id != app_id
        deployed = self._part("the deployment", self._deployment, app_id) if is_call else None
        calls = self._part("its calls", self._calls, run_id) or ()
        tasks = self._part("its containers", self._tasks, run_id) or []
        files = task_files.read(self._folders, self._db, tasks, self._missing, app_id, self._reads)
        watched = self._part("its contract", self._contract, run_id) or ContractFile()
        state, sentence = row["state"], row["outcome"]
        if row["ended_at"] is not None and not sentence:
            state, sentence = self._part("its outcome", outcome, self._db, run_id, app_id) or (state, "")
        launcher = self._part("its launcher", self._launcher, row)
        defined = (
            deployed.functions if deployed is not None else self._part("its functions", self._defined, app_id)
        )
        functions = _merged([*(defined or ()), *self._of_others(files)], files.functions)
        apps = {app_id, *(task["app_id"] for task in tasks)}
        values = self._part("values of Secrets", self._values, apps)
        run = Run(
            run_id=run_id,
            kind=row["kind"],
            app_id=app_id,
            name=row["app"],
            environment=row["environment"],
            function=_first_function(row["function"], calls),
            state=state,
            outcome=sentence,
            started_at=row["started_at"],
            ended_at=row["ended_at"] or 0.0,
            launcher=launcher,
            deployer=deployed.launcher if deployed is not None else None,
            source=deployed.source
            if deployed is not None
            else self._part("its source", self._source, app_id) or Source(),
            images=files.images,
            functions=functions,
            volumes=files.volumes,
            calls=tuple(placed(call, functions, launcher) for call in calls),
            configs=files.configs,
            folders=files.folders,
            notes=files.notes,
            attempts=files.attempts,
            counts=watched.counts,
            contract=watched.contract,
            machine=self._part("the machine", self._machine) or Machine(),
            not_honoured=files.not_honoured,
            missing=tuple(dict.fromkeys(self._missing)),
        )
        return run if values is None else values.part(run)

    def _values(self, app_ids: set[str]) -> ExactValues:
        found = [self._db.all("secrets_handed", app_id=app_id) for app_id in sorted(app_ids)]
        return ExactValues(row["value"] for rows in found for row in rows)

    def _part(self, what: str, read: Callable[..., _T], *facts: Any) -> _T | None:
        try:
            return read(*facts)
        except Exception as error:  # whatever is damaged: the other parts are worth having
            self._missing.append(f"{what[0].upper()}{what[1:]} could not be read: {error}.")
            return None

    def _missed(self, run_id: str) -> None:
        path = self._folders.folder(run_id) / "missing.jsonl"
        if path.exists():
            for line in path.read_bytes().splitlines():
                self._missing.append(str(msgspec.json.decode(line)))

    def _deployment(self, app_id: str) -> Run | None:
        path = self._folders.file(app_id)
        return self._reads.file(path, _record) if path.exists() else None

    def _launcher(self, row: Row) -> Launcher | None:
        if row["run_id"] == row["app_id"]:
            path = self._folders.folder(row["run_id"]) / "launch.json"
        elif row["launcher"]:
            path = self._folders.caller(row["launcher"])
        else:
            return None
        if not path.exists():
            return None
        launcher = msgspec.json.decode(path.read_bytes(), type=Launcher)
        return self._with_notes(launcher)

    def _with_notes(self, launcher: Launcher) -> Launcher:
        """With what the launcher noted after its launch, too; nothing of another process of its number."""
        if not launcher.notes:
            return launcher
        for file in (self._folders.root / "launches").glob(f"{launcher.pid}-*.jsonl"):
            found = notes.read_all(file)
            if len(found) > len(launcher.notes) and tuple(found[: len(launcher.notes)]) == launcher.notes:
                return replace(launcher, notes=tuple(found))
        return launcher

    def _source(self, app_id: str) -> Source:
        path = self._folders.folder(app_id) / "source.json"
        return self._reads.file(path, _source) if path.exists() else Source()

    def _defined(self, app_id: str) -> tuple[Function, ...]:
        path = self._folders.folder(app_id) / "functions.json"
        return msgspec.json.decode(path.read_bytes(), type=tuple[Function, ...]) if path.exists() else ()

    def _of_others(self, files: task_files.TaskFiles) -> Iterator[Function]:
        """Functions of other apps that had containers, since the run called them."""
        started = {each for function in files.functions for each in function.definitions}
        for app_id in sorted(files.other_apps):
            deployed = self._part("the deployment", self._deployment, app_id)
            functions = deployed.functions if deployed is not None else self._defined(app_id)
            yield from (function for function in functions if started & {*function.definitions})

    def _contract(self, run_id: str) -> ContractFile:
        path = self._folders.folder(run_id) / "contract.json"
        return msgspec.json.decode(path.read_bytes(), type=ContractFile) if path.exists() else ContractFile()

    def _tasks(self, run_id: str) -> list[Row]:
        return self._db.all("run_tasks", run_id=run_id)

    def _calls(self, run_id: str) -> tuple[Call, ...]:
        handles = {row["definition_id"]: row for row in self._db.all("run_handles", run_id=run_id)}
        return tuple(
            self._call(row, handles.get(row["task_definition_id"]) or handles.get(row["definition_id"]))
            for row in self._db.all("run_calls", run_id=run_id, limit=_MAX_CALLS)
        )

    def _call(self, row: Row, handle: Row | None) -> Call:
        function, arguments = self._reads.lasting(
            (
                "call",
                row["call_id"],
                handle["definition_id"] if handle is not None else "",
                row["total_inputs"],
            ),
            lambda: self._given(row, handle),
        )
        is_done = row["succeeded"] + row["failed"] >= row["total_inputs"] > 0
        is_of_run = not row["parent"] or row["parent_run_id"]
        return Call(
            call_id=row["call_id"],
            function=function,
            arguments=arguments,
            inputs=row["total_inputs"],
            succeeded=row["succeeded"],
            failed=row["failed"],
            started_at=row["created_at"],
            ended_at=(row["finished_at"] or 0.0) if is_done else 0.0,
            parent=row["parent"] or "",
            definition_id=row["task_definition_id"] or "",
            made_in="" if is_of_run else function_of(row["parent_tag"] or "", None),
        )

    def _given(self, row: Row, handle: Row | None) -> tuple[str, tuple[Argument, ...]]:
        """Which function a call is of, and its first input's arguments."""
        first = self._db.one("run_first_input", call_id=row["call_id"])
        given = (
            api_pb2.FunctionInput.FromString(first["input"]) if first is not None and first["input"] else None
        )
        arguments: tuple[Argument, ...] = ()
        if handle is not None:
            described = stored_handle(handle["handle_metadata"], handle["definition_id"])
            arguments = parameters_of(row["params"] or b"", described)
            arguments += arguments_of(given, described) if given is not None else ()
        return function_of(row["tag"] or "", given), arguments

    def _machine(self) -> Machine:
        facts = read_json(self._folders.root / "machine.json") or {}
        return msgspec.convert(facts, Machine)


def _source(path: Path) -> Source:
    return msgspec.json.decode(path.read_bytes(), type=Source)


def _record(path: Path) -> Run:
    return decode(path.read_bytes(), path.name)


def _first_function(tag: str, calls: Iterable[Call]) -> str:
    """A map's method is known only once an input of it came."""
    first = next((call.function for call in calls if call.function.startswith(f"{tag}.")), tag)
    return first if tag else ""


def _merged(defined: Sequence[Function], started: Iterable[Function]) -> tuple[Function, ...]:
    """Functions as their containers had them, with what their definitions tell; then those without one."""
    found, seen = [], set()
    for function in started:
        known = next(
            (
                each
                for each in defined
                if each.tag == function.tag and {*each.definitions} & {*function.definitions}
            ),
            None,
        ) or of_definition(defined, "", function.tag)
        if known is not None:
            seen.add(id(known))
            function = replace(function, defined=known.defined, defaults=known.defaults)
        found.append(function)
    return joined([*found, *(each for each in defined if id(each) not in seen)])


def machine_facts(cores: int, memory_bytes: int, gpus: Iterable[str], isolation: str) -> Machine:
    """What the engine knows of the machine that it runs on."""
    system = os.uname()
    return Machine(
        cores=cores,
        memory_bytes=memory_bytes,
        gpus=tuple(gpus),
        system=f"{system.sysname} {system.release}, {platform.machine()}",
        isolation=isolation,
        homeport=__version__,
    )
