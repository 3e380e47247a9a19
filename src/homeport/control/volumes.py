"""Volumes by name: made, found, listed, renamed, deleted, linked to folders of this machine.

What they hold is `control/volume_states.py`'s matter. A linked volume is a folder of this machine as it is;
it has no states.
"""

import asyncio
import contextlib
import time
from pathlib import Path

from homeport.control.volume_states import Volume, VolumeStates, volume_of
from homeport.model.errors import AlreadyExistsError, FailedPreconditionError, InvalidError, NotFoundError
from homeport.model.ids import VOLUME, new_id
from homeport.store.database import Database

VERSION_1, VERSION_2 = 1, 2  # as api_pb2.VolumeFsVersion numbers them
EPHEMERAL_S = 1800.0  # an ephemeral volume's client shows signs of life every 300 s
_DAY_S = 24 * 3600.0


class Volumes:
    """Names of volumes, and their lives."""

    def __init__(self, database: Database, states: VolumeStates) -> None:
        self._db = database
        self._states = states
        self._sweeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Starts the sweep of abandoned ephemeral volumes: now and once a day. Needs the event loop."""
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_daily(), name="volume sweep")

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    def create(
        self, environment: str, name: str | None, version: int, *, fail_if_exists: bool = False
    ) -> Volume:
        """The named volume, made if it is not there; an ephemeral one for None. Version 0 is the newest.

        Raises AlreadyExistsError.
        """
        known = self._db.one("volume_by_name", environment=environment, name=name) if name else None
        if known is not None:
            if fail_if_exists:
                raise AlreadyExistsError(
                    f"There is a Volume {name!r} in environment {environment!r} already. Choose another "
                    f"name, or delete it with: modal volume delete {name}"
                )
            return volume_of(known)
        return self._add(environment, name, version or VERSION_2)

    def lookup(self, environment: str, name: str) -> Volume:
        """Raises NotFoundError, which names the command that creates it."""
        row = self._db.one("volume_by_name", environment=environment, name=name)
        if row is None:
            raise NotFoundError(
                f"Volume {name!r} not found in environment {environment!r}. Create it with: modal volume "
                f"create {name}"
            )
        return volume_of(row)

    def get(self, volume_id: str) -> Volume:
        """Raises NotFoundError."""
        return self._states.get(volume_id)

    def page(self, environment: str, before: float, limit: int) -> list[Volume]:
        """Named volumes made before a time, newest first."""
        rows = self._db.all("volumes_before", environment=environment, before=before, limit=limit)
        return [volume_of(row) for row in rows]

    def heartbeat(self, volume_id: str) -> None:
        """An ephemeral volume's client is alive. Raises NotFoundError."""
        self.get(volume_id)
        self._db.run("volume_heartbeat", volume_id=volume_id, now=time.time())

    def rename(self, volume_id: str, name: str) -> None:
        """Raises NotFoundError, AlreadyExistsError."""
        volume = self.get(volume_id)
        other = self._db.one("volume_by_name", environment=volume.environment, name=name)
        if other is not None and other["volume_id"] != volume_id:
            raise AlreadyExistsError(
                f"{volume.label} cannot be renamed: there is a Volume {name!r} already. Choose another name, "
                f"or delete that one with: modal volume delete {name}"
            )
        self._db.run("rename_volume", volume_id=volume_id, name=name)

    async def delete(self, volume_id: str) -> None:
        """Deletes a volume and its files; a linked folder stays as it is. Raises NotFoundError.

        Containers that have it mounted keep what they see until they end.
        """
        await self._states.forget(self.get(volume_id))

    # Linked folders

    def link(self, environment: str, name: str, folder: Path, *, is_writable: bool) -> Volume:
        """Serves an existing folder of this machine as a volume, without a copy.

        Linking the same name again changes the folder. Raises InvalidError for what is no folder,
        AlreadyExistsError where the name belongs to a volume with files of its own.
        """
        folder = folder.resolve()
        if not folder.is_dir():
            raise InvalidError(f"{folder} is not a folder of this machine. Name an existing one.")
        if folder == Path("/") or self._states.root.resolve().is_relative_to(folder):
            raise InvalidError(
                f"{folder} holds Homeport's own state, and cannot be linked. Name a folder beside it."
            )
        row = self._db.one("volume_by_name", environment=environment, name=name)
        if row is not None and row["linked_path"] is None:
            raise AlreadyExistsError(
                f"Volume {name!r} exists and holds files of its own. Choose another name, or delete it with: "
                f"modal volume delete {name}"
            )
        with self._db.transaction():
            if row is not None:
                self._refuse_if_attached(volume_of(row))
                self._db.run("delete_volume", volume_id=row["volume_id"])
            return self._add(environment, name, VERSION_2, folder, is_writable=is_writable)

    def unlink(self, environment: str, name: str) -> Volume:
        """Forgets a linked folder, which stays as it is. Raises NotFoundError, InvalidError if it is not
        linked.
        """
        volume = self.lookup(environment, name)
        if volume.linked_path is None:
            raise InvalidError(
                f"{volume.label} is not a linked folder; its files lie in Homeport. Delete it with: modal "
                f"volume delete {name}"
            )
        self._refuse_if_attached(volume)
        self._db.run("delete_volume", volume_id=volume.volume_id)
        return volume

    def _refuse_if_attached(self, volume: Volume) -> None:
        tasks = {row["task_id"] for row in self._db.all("attachments_of_volume", volume_id=volume.volume_id)}
        if tasks:
            raise FailedPreconditionError(
                f"{volume.label} is mounted by {', '.join(sorted(tasks))}. Stop its app first: modal app stop"
            )

    def _add(
        self,
        environment: str,
        name: str | None,
        version: int,
        linked_path: Path | None = None,
        *,
        is_writable: bool = True,
    ) -> Volume:
        now = time.time()
        volume_id = new_id(VOLUME)
        self._db.run(
            "add_volume",
            volume_id=volume_id,
            environment=environment,
            name=name,
            version=version,
            linked_path=str(linked_path) if linked_path else None,
            is_writable=is_writable,
            created_at=now,
            heartbeat_at=None if name else now,
        )
        volume = self.get(volume_id)
        self._states.make_folder(self._states.folder(volume))
        return volume

    async def _sweep_daily(self) -> None:
        while True:
            limit = time.time() - EPHEMERAL_S
            for row in self._db.all("all_volumes"):
                if row["heartbeat_at"] is not None and row["heartbeat_at"] < limit:
                    with contextlib.suppress(NotFoundError):
                        await self.delete(row["volume_id"])
            await asyncio.sleep(_DAY_S)
