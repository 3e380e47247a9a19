"""Containers of plain processes, without any isolation: implements engine.ContainerRuntime where asked for.

For machines that allow neither namespaces nor ptrace, and for debuggers and profilers at native speed.
"""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from homeport.model.home import Home
from homeport.runtime import plain_view
from homeport.runtime.cgroups import Group
from homeport.runtime.copying import CopyingSandbox
from homeport.runtime.engine import ContainerEvents, ContainerSpec, ExecSpec, ImageView
from homeport.runtime.plain_links import MachineLinks, covered


class PlainSandbox(CopyingSandbox):
    """The containers of one engine."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._links = MachineLinks(home)

    async def open(self, events: ContainerEvents) -> None:
        await super().open(events)
        ended = {folder.name for folder in self._home.tasks.glob("ta-*")} - self.running()
        self._links.release(*ended)

    async def exec(self, task_id: str, spec: ExecSpec) -> None:
        """In the container's folder of that name, where it has one."""
        place = f"{self._root(task_id)}{spec.workdir}"
        await super().exec(task_id, replace(spec, workdir=place) if Path(place).is_dir() else spec)

    async def forget(self, task_id: str) -> None:
        self._links.release(task_id)
        await super().forget(task_id)

    async def _merged(self, image: ImageView, task_id: str | None = None) -> Path:
        """With programs that run where the tree lies."""
        return await self._trees.get(
            image.layers, host_usr=image.host_usr, task_id=task_id, finish=plain_view.finish_programs
        )

    async def _start(self, spec: ContainerSpec, request: dict[str, Any], group: Group) -> socket.socket:
        mounts = [tree for tree in spec.overlays if tree.is_relative_to(self._home.mounts)]
        plain_view.check(spec, mounts)
        image = await self._merged(spec.image, spec.task_id)
        self._complete(spec, request, group)
        plain_view.fill_request(request, self._home, spec, image, mounts)
        self._root(spec.task_id).mkdir(exist_ok=True)
        needs = plain_view.needs(spec, mounts)
        trees = [*mounts, *spec.image.layers[:-1]]
        notes = await asyncio.to_thread(list, covered(needs, trees, self._root(spec.task_id)))
        request["spec"]["plain"]["notes"] = notes
        self._links.take(spec.task_id, needs)
        try:
            return await self._launch(spec, request, group.enter_fds)
        except BaseException:
            self._links.release(spec.task_id)
            raise

    def _ended(self, task_id: str) -> None:
        self._links.release(task_id)
        super()._ended(task_id)

    def _root(self, task_id: str) -> Path:
        return self._folder(task_id) / "root"
