"""All that there is of volumes, put together: what the engine, its servicers and its HTTP side need of
them.
"""

from modal_proto import api_pb2

from homeport.control.links import Links
from homeport.control.volume_edits import VolumeEdits
from homeport.control.volume_mounts import Remounter, VolumeMounts
from homeport.control.volume_reads import VolumeReads
from homeport.control.volume_states import Volume, VolumeStates
from homeport.control.volume_uploads import VolumeUploads
from homeport.control.volumes import Volumes
from homeport.model.home import Home
from homeport.model.people import user_name
from homeport.runtime.engine import VolumeAttachment
from homeport.store.database import Database

VERSIONS = {1: api_pb2.VOLUME_FS_VERSION_V1, 2: api_pb2.VOLUME_FS_VERSION_V2}


class VolumeService:
    """Builds the parts. `open` and `close` frame the engine's life; what containers need is a
    VolumeSource.
    """

    def __init__(
        self, database: Database, home: Home, links: Links, runtime: Remounter, owner_uid: int | None
    ) -> None:
        self.states = VolumeStates(database, home, owner_uid)
        self.names = Volumes(database, self.states)
        self.edits = VolumeEdits(self.states)
        self.reads = VolumeReads(self.states, links)
        self.uploads = VolumeUploads(self.states, self.edits, links)
        self.mounts = VolumeMounts(database, self.states, runtime)

    def open(self) -> None:
        """Goes on where an earlier engine stopped. Needs the event loop."""
        self.names.open()
        self.mounts.open()

    async def close(self) -> None:
        """Stops what runs in the background; containers' last commits are made by `release_task` before."""
        self.uploads.close()
        await self.mounts.close()
        await self.names.close()
        await self.states.close()

    def attach(
        self, task_id: str, volume_id: str, path: str, *, read_only: bool, sub_path: str = ""
    ) -> VolumeAttachment:
        """As VolumeMounts.attach."""
        return self.mounts.attach(task_id, volume_id, path, read_only=read_only, sub_path=sub_path)

    async def commit_task(self, task_id: str, volume_id: str | None = None) -> None:
        """As VolumeMounts.commit_task."""
        await self.mounts.commit_task(task_id, volume_id)

    def tasks(self) -> set[str]:
        """As VolumeMounts.tasks."""
        return self.mounts.tasks()

    async def release_task(self, task_id: str) -> None:
        """As VolumeMounts.release_task."""
        await self.mounts.release_task(task_id)

    def metadata(self, volume_id: str) -> api_pb2.VolumeMetadata:
        """Raises NotFoundError."""
        return volume_metadata(self.names.get(volume_id))


def volume_metadata(volume: Volume) -> api_pb2.VolumeMetadata:
    """What clients know of a volume; `version` decides which of the RPCs they use."""
    return api_pb2.VolumeMetadata(
        version=VERSIONS[volume.version],
        name=volume.name,
        creation_info=api_pb2.CreationInfo(created_at=volume.created_at, created_by=user_name()),
    )
