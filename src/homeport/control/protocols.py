"""What the use cases need of each other, as Protocols where a cycle would arise otherwise."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from homeport.runtime.engine import ImageView, VolumeAttachment


class ImageSource(Protocol):
    """Implemented by control.images.Images."""

    def view(self, image_id: str) -> ImageView:
        """Raises NotFoundError, or FailedPreconditionError while it is not built."""

    async def client_bundle(self, image_id: str, client_version: str) -> tuple[Path, ...]:
        """Trees that hold /pkg, /__modal/deps and /__modal/homeport for this image's Python, topmost first.
        Built on first use for each client version, builder version and Python version."""


class MountSource(Protocol):
    """Implemented by control.mounts.Mounts."""

    def tree(self, mount_id: str) -> Path | None:
        """The mount's files as a tree that starts at /; None for the client's own global mount."""


class SecretSource(Protocol):
    """Implemented by control.secrets.Secrets."""

    def values(self, secret_id: str) -> Mapping[str, str]:
        """Raises NotFoundError."""


class LogSink(Protocol):
    """Implemented by control.logs.Logs, and by control.build_functions.BuildFunctions before it."""

    def system(self, app_id: str, task_id: str, text: str) -> None: ...

    def task_output(self, task_id: str) -> None: ...

    def task_state(self, task_id: str, state: int) -> None: ...


class VolumeSource(Protocol):
    """Implemented by control.volume_mounts.VolumeMounts."""

    def attach(
        self, task_id: str, volume_id: str, path: str, *, read_only: bool, sub_path: str = ""
    ) -> VolumeAttachment:
        """Makes the container's own folder and pins the committed state that it sees; with `sub_path`
        (api_pb2.VolumeMount.sub_path), that folder of the volume only."""

    async def commit_task(self, task_id: str, volume_id: str | None = None) -> None:
        """Commits what the task wrote to one volume or to all of its volumes."""

    def tasks(self) -> set[str]:
        """Ids of tasks that have volumes attached; for those that have ended, release_task is due."""

    async def release_task(self, task_id: str) -> None:
        """Commits, then forgets the task and removes its writable folders."""
