"""Containers without namespaces, whatever holds them instead: what ProotSandbox and PlainSandbox share.

Everything about supervisors (starting, ending, finding again) is the Sandbox's; here is what differs for
both: there are no warm parents, an image's layers are merged by copying, and volumes are copies.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from homeport.model.home import Home
from homeport.runtime import proot_trees
from homeport.runtime.cgroups import Group
from homeport.runtime.engine import ContainerExit, ContainerSpec, ImageView, VolumeAttachment
from homeport.runtime.inside import copies
from homeport.runtime.sandbox import Sandbox


class CopyingSandbox(Sandbox):
    """The containers of one engine."""

    copies_volumes = True
    start_limit_s = (
        24 * 3600.0
    )  # copying volumes is part of it; the function's startup_timeout ends it before

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._trees = proot_trees.MergedTrees(home)

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        """No process can wait for containers here; but the layers can be merged before one is needed."""
        with suppress(OSError):
            await self._merged(image)

    async def _merged(self, image: ImageView, task_id: str | None = None) -> Path:
        """The image's layers as one tree."""
        return await self._trees.get(image.layers, host_usr=image.host_usr, task_id=task_id)

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        """Makes the newer copy first: the supervisor only has to put it in the old one's place."""
        if attachment.bind is None and task_id in self.running():
            volume = self._volume(task_id, attachment)
            await asyncio.to_thread(copies.prepare, volume)
        await super().remount(task_id, attachment)

    def _complete(self, spec: ContainerSpec, request: dict[str, Any], group: Group) -> None:
        """What the request of any such container says."""
        request["fds"] = group.enter_fds
        request["spec"]["cgroup_fds"] = group.enter_fds
        request["spec"]["memory_group"] = group.memory_folder and str(group.memory_folder)
        request["spec"]["volumes"] = [self._volume(spec.task_id, each) for each in spec.volumes]

    def _volume(self, task_id: str, attachment: VolumeAttachment) -> dict[str, Any]:
        """A read-only volume, which nothing is committed from, is a copy in the task's folder."""
        volume = super()._volume(task_id, attachment)
        if attachment.upper is None and attachment.bind is None:
            name = attachment.path.strip("/").replace("/", "-")
            volume["upper"] = str(self._folder(task_id) / "volumes" / name / "upper")
        return volume

    def _lost(self, task_id: str) -> ContainerExit:
        """No namespace ended the container's processes together with its supervisor."""
        for process in _processes_of(task_id):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return super()._lost(task_id)


def _processes_of(task_id: str) -> list[int]:
    mark = f"MODAL_TASK_ID={task_id}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
