"""What the pages are made from: the engine's parts, and the records of runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from homeport.control.apps import Apps
from homeport.control.calls import Calls
from homeport.control.environments import Environments
from homeport.control.logs import Logs
from homeport.control.runs.records import RunFilter, RunRow
from homeport.control.secrets import Secrets
from homeport.control.volume_service import VolumeService
from homeport.model.home import Home
from homeport.record.explain.known import Known
from homeport.record.run import Run
from homeport.store.database import Database
from homeport.store.home_files import Token


class Records(Protocol):
    """As control.run_records.RunRecords; what it says may be asked from any thread."""

    def rows(self, wanted: RunFilter, *, limit: int, page: int) -> list[RunRow]:
        """The newest first; `page` counts from 0."""

    def count(self, wanted: RunFilter) -> int:
        """How many rows there are on all pages."""

    def apps(self) -> list[str]:
        """Names of apps that have runs."""

    def damaged(self) -> list[str]:
        """Sentences that name the records which cannot be read and are in no list."""

    def find(self, named: str) -> str:
        """The id of a run named by it, by a beginning that only one has, or as `latest`. Raises
        NotFoundError, InvalidError."""

    def row(self, run_id: str) -> RunRow:
        """Raises NotFoundError."""

    def record(self, run_id: str) -> Run:
        """Raises NotFoundError, DamagedRecordError."""


@dataclass(frozen=True)
class Sources:
    """`known` gives a run with all that explains it, from any thread. `server_url` is where a client of this
    engine connects, known once it is served, with `token`."""

    home: Home
    records: Records
    logs: Logs
    apps: Apps
    calls: Calls
    volumes: VolumeService
    secrets: Secrets
    environments: Environments
    database: Database
    known: Callable[[str], Known]
    server_url: Callable[[], str]
    token: Token
