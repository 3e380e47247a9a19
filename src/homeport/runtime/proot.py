"""Containers under proot: implements engine.ContainerRuntime where namespaces are closed.

A container's root is made of copies and binds.
"""

import asyncio
import os
import re
import socket
from pathlib import Path
from typing import Any

from homeport.model.errors import ContainerStartError
from homeport.model.home import Home
from homeport.runtime import proot_trees, proot_view
from homeport.runtime.cgroups import Group
from homeport.runtime.copying import CopyingSandbox
from homeport.runtime.engine import ContainerEvents, ContainerExit, ContainerSpec
from homeport.runtime.identity import remove_tree
from homeport.runtime.inside import merge, prooted

_END_CHECKS, _END_CHECK_S = 100, 0.05  # for what a killed supervisor left to end


class ProotSandbox(CopyingSandbox):
    """The containers of one engine."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._lost_ones: set[str] = set()  # whose supervisor was killed, and could not tidy up

    async def open(self, events: ContainerEvents) -> None:
        await asyncio.to_thread(_sweep_temporary)
        await super().open(events)

    async def forget(self, task_id: str) -> None:
        await super().forget(task_id)
        await asyncio.to_thread(remove_tree, proot_trees.shared_memory(task_id))
        if task_id in self._lost_ones:
            self._lost_ones.remove(task_id)
            for _ in range(_END_CHECKS):
                if not await asyncio.to_thread(_sweep_temporary, task_id):
                    break
                await asyncio.sleep(_END_CHECK_S)

    async def _start(self, spec: ContainerSpec, request: dict[str, Any], group: Group) -> socket.socket:
        binary = proot_view.find_proot()
        if binary is None:
            raise ContainerStartError("proot is gone from this machine: apt-get install proot")
        self._complete(spec, request, group)
        request["spec"]["proot"] = await proot_trees.container_view(self._home, self._trees, spec, binary)
        (self._folder(spec.task_id) / "root").mkdir(exist_ok=True)
        return await self._launch(spec, request, group.enter_fds)

    def _lost(self, task_id: str) -> ContainerExit:
        self._lost_ones.add(task_id)
        return super()._lost(task_id)


def _sweep_temporary(task_id: str | None = None) -> bool:
    """Removes what instances of proot that were killed have left of their own: a loader, mount points.
    Whether one of this task's is still ending."""
    is_ending = False
    for path in Path(prooted.TEMPORARY).glob("proot*-*-*"):
        found = re.fullmatch(r"proot(?:ed)?-(\d+)-\w{6}", path.name)
        if not found:
            continue
        if _is_alive(found[1]):
            is_ending |= task_id is not None and task_id in _command(found[1])
        elif path.lstat().st_uid == os.geteuid():
            merge.remove(str(path))
    return is_ending


def _command(process: str) -> str:
    try:
        return Path("/proc", process, "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _is_alive(process: str) -> bool:
    try:
        status = Path("/proc", process, "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")
