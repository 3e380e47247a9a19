"""Containers under proot: implements engine.ContainerRuntime where namespaces are closed.

Everything about supervisors (starting, ending, finding again) is the Sandbox's; here is what differs: there
are no warm parents, a container's root is made of copies and binds, and so are its volumes.
"""

import asyncio
import logging
import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.runtime import proot_trees, proot_view
from homeport.runtime.cgroups import Group
from homeport.runtime.engine import ContainerEvents, ContainerExit, ContainerSpec, ImageView, VolumeAttachment
from homeport.runtime.identity import remove_tree
from homeport.runtime.inside import copies, merge, prooted
from homeport.runtime.sandbox import Sandbox

_log = logging.getLogger(__name__)


class ProotSandbox(Sandbox):
    """The containers of one engine."""

    copies_volumes = True
    start_limit_s = (
        24 * 3600.0
    )  # copying volumes is part of it; the function's startup_timeout ends it before

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._trees = proot_trees.MergedTrees(home)
        self._lost_ones: set[str] = set()  # whose supervisor was killed, and could not tidy up

    async def warm(self, image: ImageView, overlays: tuple[Path, ...], env: dict[str, str]) -> None:
        """No process can wait for containers here; but the layers can be merged before one is needed."""
        with suppress(OSError):
            await self._trees.get(image.layers, host_usr=image.host_usr)

    async def open(self, events: ContainerEvents) -> None:
        await asyncio.to_thread(_sweep_temporary)
        await super().open(events)

    async def forget(self, task_id: str) -> None:
        await super().forget(task_id)
        await asyncio.to_thread(remove_tree, proot_trees.shared_memory(task_id))
        if task_id in self._lost_ones:
            self._lost_ones.remove(task_id)
            await asyncio.to_thread(_sweep_temporary)

    async def remount(self, task_id: str, attachment: VolumeAttachment) -> None:
        """Makes the newer copy first: the supervisor only has to put it in the old one's place."""
        if attachment.bind is None and task_id in self.running():
            volume = self._volume(task_id, attachment)
            await asyncio.to_thread(copies.prepare, volume)
        await super().remount(task_id, attachment)

    async def _start(self, spec: ContainerSpec, request: dict[str, Any], group: Group) -> socket.socket:
        binary = proot_view.find_proot()
        if binary is None:
            raise ContainerStartError("proot is gone from this machine: apt-get install proot")
        request["fds"] = group.enter_fds
        request["spec"]["cgroup_fds"] = group.enter_fds
        request["spec"]["memory_group"] = group.memory_folder and str(group.memory_folder)
        request["spec"]["volumes"] = [self._volume(spec.task_id, each) for each in spec.volumes]
        request["spec"]["proot"] = await proot_trees.container_view(self._home, self._trees, spec, binary)
        (self._folder(spec.task_id) / "root").mkdir(exist_ok=True)
        return await self._launch(spec, request, group.enter_fds)

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
        self._lost_ones.add(task_id)
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


def _sweep_temporary() -> None:
    """Removes what instances of proot that were killed have left of their own: a loader, mount points."""
    for path in Path(prooted.TEMPORARY).glob("proot*-*-*"):
        found = re.fullmatch(r"proot(?:ed)?-(\d+)-\w{6}", path.name)
        if found and not _is_alive(found[1]) and path.lstat().st_uid == os.geteuid():
            merge.remove(str(path))


def _is_alive(process: str) -> bool:
    try:
        status = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
