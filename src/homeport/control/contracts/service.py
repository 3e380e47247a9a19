"""Contracts put together, and who tells them what happens."""

from homeport.control.apps import Apps
from homeport.control.calls import Calls
from homeport.control.containers import Containers
from homeport.control.contracts.files import ContractFiles
from homeport.control.contracts.records import ContractRecords, NotesSoFar
from homeport.control.contracts.sources import ContractSources
from homeport.control.contracts.watch import ContractWatch
from homeport.control.functions import Functions
from homeport.control.logs import Logs
from homeport.control.mounts import Mounts
from homeport.control.runs.outcomes import outcome
from homeport.control.runs.runs import Runs
from homeport.control.runs.stops import RunStops
from homeport.model.home import Home
from homeport.store.database import Database


class ContractService:
    """Holds the runs of an engine to their contracts. `salt`: of digests in place of values."""

    def __init__(
        self, home: Home, db: Database, functions: Functions, mounts: Mounts, runs: Runs, *, salt: bytes
    ) -> None:
        self._db = db
        self._runs = runs
        self._sources = ContractSources(home, functions, mounts.tree)
        self._records = ContractRecords(home, db)
        self._salt = salt
        self.watch: ContractWatch | None = None

    def connect(self, apps: Apps, calls: Calls, containers: Containers, logs: Logs) -> None:
        """Has contracts hear of runs, and say their last word before an app's log ends."""
        watch = ContractWatch(
            ContractFiles(self._db),
            self._sources,
            RunStops(apps, calls, containers.lives, logs),
            self._records,
            salt=self._salt,
            notes_of=NotesSoFar(self._runs.folders.notes),
            values_of=self._runs.handed.of,
        )

        async def last_word(app_id: str) -> None:
            if self._runs.watch.is_watched(app_id):
                await self._runs.watch.settle(app_id)
                state, _ = outcome(self._db, app_id, app_id)
                watch.last_word(app_id, state)

        async def before_outputs(input_ids: list[str]) -> None:
            """A run that breaks its contract must not succeed first: what it printed comes another way."""
            for run_id in watch.waiting(input_ids, calls.backlog):
                await self._runs.watch.settle(run_id)

        self.watch = watch
        containers.before_outputs = before_outputs
        self._runs.watch.listeners.append(watch)
        apps.on_publish.append(watch.files.published)
        apps.on_emptied.append(last_word)
        apps.on_stopped.append(watch.files.forget)  # after runs have heard of it

    async def close(self) -> None:
        if self.watch is not None:
            await self.watch.close()
