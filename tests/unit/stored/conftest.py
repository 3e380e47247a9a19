"""Dicts and Queues over a real database, with a clock of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.control.answers import Answers
from homeport.control.dicts import Dicts
from homeport.control.environments import Environments
from homeport.control.expiry import Expiry
from homeport.control.queue_objects import Partition, QueueObjects
from homeport.control.stored_objects import DICTS, QUEUES, StoredObjects
from homeport.store.database import Database


class StoredHere:
    """What main.py builds. `restart` is what an engine that was killed leaves to the next one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now = 1_000_000.0
        self.build()

    def build(self) -> None:
        def clock() -> float:
            return self.now

        self.db = Database(self.file)
        self.environments = Environments(self.db)
        self.expiry = Expiry(clock)
        self.answers = Answers(self.db, self.expiry, clock)
        self.dict_objects = StoredObjects(self.db, self.environments, self.expiry, DICTS, clock=clock)
        self.queue_names = StoredObjects(self.db, self.environments, self.expiry, QUEUES, clock=clock)
        self.dicts = Dicts(self.db, self.dict_objects, self.expiry, clock)
        self.queues = QueueObjects(self.db, self.queue_names, self.answers, self.expiry, clock)

    def restart(self) -> None:
        self.db.close()
        self.build()
        for part in (self.answers, self.dict_objects, self.queue_names):
            part.open()

    def queue(self, name: str = "q") -> Partition:
        return Partition(self.queue_names.create("main", name).object_id)

    def dict_id(self, name: str = "d") -> str:
        return self.dict_objects.create("main", name).object_id


@pytest.fixture
def here(tmp_path: Path) -> Iterator[StoredHere]:
    here = StoredHere(tmp_path / "state.db")
    yield here
    here.db.close()
