"""A container of plain processes: no namespace, no proot, this machine's own files.

What is the container's own lies in a folder of the task's. Every process of it has that folder open as
descriptor ROOT, so that one link of this machine, /data -> /proc/self/fd/ROOT/data, leads each container into
its own. Which links there are is decided in runtime/plain_view.py; reading them costs nothing, and what the
container does to this machine's other files is held back by nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

from . import container, copies, entry, kernel, memory, merge, pid1
from .host import HostPaths
from .rooted import Root

ROOT = 500  # below every limit of descriptors, above what programs take for themselves
_LONG = 60  # bytes: with a task's name and ctl.sock, an address holds 107


class Started(container.Started):
    """A container that no namespace holds: its processes are those below its supervisor."""

    def kill(self) -> None:
        for pid in memory.descendants(os.getpid()):
            kill(pid)

    def reap(self) -> int:
        status = self.reap_all(self.pid)
        return status if self.user_status is None else self.user_status

    def reap_all(self, first: int) -> int:
        """Ends every process that the container left; the wait status of our child `first`."""
        status = 0
        while True:
            self.kill()  # again and again: one may just be starting another
            try:
                pid, found = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return status
            if pid == 0:
                time.sleep(0.002)
            elif pid == first:
                status = found


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def paths(spec: dict[str, Any]) -> HostPaths:
    """This machine's own, but short in the folder of tasks, where sockets lie."""
    tasks = os.path.dirname(spec.get("folder", "/"))
    if len(tasks) < _LONG:
        return HostPaths([])
    opened = os.open(tasks, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return HostPaths({tasks: "proc/self/fd/{}".format(opened)})


def start(spec: dict[str, Any], output: tuple[int, int]) -> Started | None:
    """Puts the container's folder together and forks its init; in the supervisor. None is returned in the
    user's process."""
    kernel.adopt_orphans()
    assemble(spec)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    init = os.fork()
    if init == 0:
        _become_init(spec, theirs, output)
        return None
    theirs.close()
    return Started(init, ours)


def _become_init(spec: dict[str, Any], channel: socket.socket, output: tuple[int, int]) -> None:
    """Returns only in the user's process."""
    try:
        kernel.die_with_parent()
        kernel.adopt_orphans()
        entry.close_all_but({channel.fileno(), *output, *spec.get("cgroup_fds", ())})
        pid1.join_groups(spec)
        root = os.open(spec["plain"]["root"], os.O_PATH | os.O_DIRECTORY)
        os.dup2(root, ROOT)
        os.close(root)
        for note in spec["plain"]["notes"]:
            os.write(output[1], note.encode())
        pid1.start(spec, channel, output)
    except BaseException as error:
        pid1.fail(channel, error)


def assemble(spec: dict[str, Any]) -> None:
    """Copies the container's own files; what is shared, and its volumes, are links."""
    view = spec["plain"]
    root = view["root"]
    merge.Merge().run(view["copied"], root, frozenset(view["shared"]))
    for folder in ("root", "tmp"):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    for place, target in view["links"]:
        _link(root, place, target)
    for volume in spec["volumes"]:
        if not volume["bind"]:
            copies.fill(volume)
        _link(root, volume["path"], volume["bind"] or volume["upper"])
    os.makedirs(spec["workdir"], exist_ok=True)


def _link(root: str, path: str, target: str) -> None:
    place = Root(root).resolve(path, follow_last=False)
    merge.remove(place)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    os.symlink(target, place)
