"""Volumes of one home in the test's own event loop, with containers as real overlay mounts, or as copies."""

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from homeport.control.links import Links
from homeport.control.volume_edits import NewFile
from homeport.control.volume_service import VolumeService
from homeport.model.home import Home
from homeport.model.volume_paths import split_volume_path
from homeport.runtime.engine import VolumeAttachment
from homeport.store.database import Database
from tests.unit.files.overlay_container import Container, CopyContainer

T = TypeVar("T")


class VolumesHere:
    """One home, and whatever containers a test starts."""

    def __init__(self, root: Path, *, copies_volumes: bool = False) -> None:
        self._root = root
        self.copies_volumes = copies_volumes
        self.home = Home(root / "home")
        self.home.create()
        self.containers: dict[str, Container] = {}
        self.loop = asyncio.new_event_loop()
        self._number = 0
        self._begin()
        self.volume_id = self.service.names.create("main", "vol", 0).volume_id

    def restart(self) -> None:
        """Another engine takes over; of the one before, nothing but its files and rows is left."""
        self.run(self.service.mounts.close())
        self.database.close()
        self._begin()

    def _begin(self) -> None:
        self.database = Database(self.home.database)
        links = Links(self.database)
        links.base_url = "http://127.0.0.1:1"
        self.service = VolumeService(self.database, self.home, links, self, None)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        self.containers[task_id].remount(attachment)

    def start(self, task_id: str, *, read_only: bool = False, sub_path: str = "") -> Container:
        async def attach() -> VolumeAttachment:
            return self.service.attach(
                task_id, self.volume_id, "/data", read_only=read_only, sub_path=sub_path
            )

        kind = CopyContainer if self.copies_volumes else Container
        container = kind(self._root / task_id, self.run(attach()))
        self.containers[task_id] = container
        return container

    def end(self, task_id: str) -> None:
        self.containers.pop(task_id).close()
        self.run(self.service.release_task(task_id))

    def commit(self, task_id: str) -> None:
        self.run(self.service.commit_task(task_id, self.volume_id))

    def reload(self, task_id: str) -> None:
        self.run(self.service.mounts.reload(task_id, self.volume_id))

    def put(self, files: dict[str, str], *, overwrite: bool = True, mode: int = 0o644) -> None:
        new = []
        for path, text in files.items():
            self._number += 1
            content = self._root / f"content-{self._number}"
            content.write_text(text)
            new.append(NewFile(split_volume_path(path), mode, content, is_staged=True))
        self.run(self.service.edits.put(self.volume_id, new, overwrite=overwrite))

    def remove(self, path: str, *, recursive: bool = False) -> None:
        self.run(self.service.edits.remove(self.volume_id, path, recursive=recursive))

    def copy(self, source: str, target: str, *, recursive: bool = False) -> None:
        self.run(self.service.edits.copy(self.volume_id, [source], target, recursive=recursive))

    @property
    def stack(self) -> tuple[int, ...]:
        return self.service.states.get(self.volume_id).stack

    def files(self) -> dict[str, str]:
        """The committed state as clients read it."""
        view = self.service.states.view(self.service.states.get(self.volume_id))
        return {
            entry.path: Path(view.real_path(entry)).read_text()
            for entry in view.walk(view.root)
            if entry.is_file
        }

    def names(self) -> set[str]:
        view = self.service.states.view(self.service.states.get(self.volume_id))
        return {entry.path for entry in view.walk(view.root)}

    def digest(self, path: str) -> str:
        view = self.service.states.view(self.service.states.get(self.volume_id))
        entry = view.find(split_volume_path(path))
        assert entry is not None
        return hashlib.sha256(Path(view.real_path(entry)).read_bytes()).hexdigest()

    def close(self) -> None:
        for task_id in list(self.containers):
            self.end(task_id)
        self.run(self.service.close())
        self.run(self.loop.shutdown_default_executor())
        self.loop.close()
        self.database.close()
