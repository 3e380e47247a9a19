"""What is kept of contracts: each run's verdict so far, and the values from which other runs must differ."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from homeport.control.runs.folders import write_whole
from homeport.model.home import Home
from homeport.record import notes
from homeport.record.contracts.judge import Judge
from homeport.record.contracts.terms import ContractFile
from homeport.record.masking import NO_VALUES, ExactValues
from homeport.record.run import Call, Contract, Count, Note
from homeport.store.database import Database

logger = logging.getLogger(__name__)

_FILE: Final = "contract.json"
_MOST_NOTES: Final = 20_000
_MOST_CONTAINERS: Final = 64


class Kept(msgspec.Struct):
    """contract.json of a run: the record's part, and what an engine that takes the run up again needs."""

    contract: Contract | None = None
    counts: tuple[Count, ...] = ()
    app_name: str = ""
    calls: tuple[Call, ...] = ()
    told: dict[str, list[str]] = {}  # of each contract that calls matched: rules whose violations were said
    stopped_by: str = ""


class ContractRecords:
    def __init__(self, home: Home, db: Database) -> None:
        self._home = home
        self._db = db
        self._put: set[tuple[str, str, str, str]] = set()  # run, contract, name, value: written already

    def read(self, run_id: str) -> Kept | None:
        path = self._path(run_id)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Kept) if path.exists() else None
        except (OSError, msgspec.MsgspecError):
            logger.exception("%s", path)
            return None

    def write(self, run_id: str, kept: Kept, values: ExactValues = NO_VALUES) -> None:
        """Without these values. Recording never fails a run."""
        path = self._path(run_id)
        try:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, values.masked_json(msgspec.json.encode(kept)))
        except OSError:
            logger.exception("the contract of %s was not recorded", run_id)

    def put_values(self, app: str, file: ContractFile, judge: Judge, run_id: str) -> None:
        """Those that another contract of the file has to differ from."""
        contract = judge.terms.name
        wanted = {name for terms in file.contracts for name in terms.apart_from.get(contract, ())}
        for count in judge.counts:
            key = (run_id, contract, count.name, count.value)
            if count.name in wanted and key not in self._put:
                self._put.add(key)
                self._db.run(
                    "contract_value_put",
                    app=app,
                    contract=contract,
                    name=count.name,
                    value=count.value,
                    run_id=run_id,
                )

    def values(self, app: str, contract: str, name: str) -> Iterator[tuple[str, str]]:
        """Values that runs of a contract showed, with the run."""
        for row in self._db.all("contract_values", app=app, contract=contract, name=name):
            yield row["value"], row["run_id"]

    def forget(self, run_id: str) -> None:
        self._put = {key for key in self._put if key[0] != run_id}

    def _path(self, run_id: str) -> Path:
        return self._home.runs / run_id / _FILE


class NotesSoFar:
    """What containers' processes noted; of each only what is new is read, since a warm container is asked
    about at each call."""

    def __init__(self, path_of: Callable[[str, str], Path | None]) -> None:
        self._path_of = path_of
        self._known: dict[str, tuple[int, list[Note]]] = {}  # by container: how far it was read

    def __call__(self, app_id: str, task_id: str) -> list[Note]:
        path = self._path_of(app_id, task_id)
        if path is None:
            return []
        offset, found = self._known.pop(task_id, (0, []))
        while True:
            fresh, end = notes.read(path, offset, task_id=task_id)
            found += fresh[: max(0, _MOST_NOTES - len(found))]
            if end == offset:
                break
            offset = end
        self._known[task_id] = offset, found
        if len(self._known) > _MOST_CONTAINERS:
            del self._known[next(iter(self._known))]  # the one that was asked about the longest ago
        return found
