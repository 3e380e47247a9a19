"""One step of an image on this machine itself, in a copy of its layers: what differs then is the next one.

Copying files needs no container. An installation by uv names the copy's Python, and what it writes there of
the copy's own place is taken out again: a layer knows only the container's paths.
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
from typing import Any

from . import changes, entry, files, kernel, merge, messages, plain, proot_work

_NAMING = re.compile(r"(^|/)bin/[^/]+$|\.pth$|/direct_url\.json$|/__editable__[^/]*\.py$|/RECORD$")


def run(spec: dict[str, Any], channel: socket.socket) -> None:
    """Runs the step to its end. When the engine closes the channel, or dies, so does the step."""
    try:
        kernel.adopt_orphans()
        view = spec["plain"]
        root = view["root"]
        proot_work.show_views(spec, root)
        merge.Merge(keeps_marks=("usr",) if view["host_usr"] else ()).run(view["copied"], root, frozenset())
        before = changes.scan(root)
        pid = os.fork()
        if pid == 0:
            _become(spec, root)
        os.dup2(os.open("/dev/null", os.O_WRONLY), 1)  # the end of the output is the end of the step
        started = plain.Started(pid, channel)
        is_given_up = _wait(pid, channel)
        status = started.reap_all(pid)
        if status == 0 and not is_given_up:
            _forget(root, before)
            changes.extract(root, before, spec["upper"], keeps=spec["keeps_copy"])
    except BaseException as error:
        messages.send(channel, {"error": entry.describe(error)})
        return
    messages.send(channel, {"ended": status})


def _become(spec: dict[str, Any], root: str) -> None:
    """In the fork."""
    status = 1
    try:
        os.setsid()
        if spec["work"]:
            status = files.perform(proot_work.translated(spec, root))
        else:
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(1, 2)
            entry.close_all_but(set())
            entry.reset_signals()
            os.chdir(spec["workdir"])
            os.execve(spec["command"][0], spec["command"], spec["env"])
    except BaseException as error:
        print(entry.describe(error), file=sys.stderr)
    finally:
        sys.stdout.flush()
        os._exit(status)


def _wait(pid: int, engine: socket.socket) -> bool:
    """Until the step has ended, leaving it to be waited for, or, with True, nobody waits for it any more."""
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if select.select([engine], [], [], 0.02)[0]:
            return True
    return False


def _forget(root: str, before: dict[str, tuple[int, ...]]) -> None:
    """Makes new files that name the copy name the container's root instead."""
    place = os.fsencode(root)
    for path, about in changes.scan(root).items():
        if before.get(path) == about or not _NAMING.search(path):
            continue
        full = os.path.join(root, path)
        if os.path.islink(full) or not os.path.isfile(full):
            continue
        with open(full, "rb") as file:
            content = file.read()
        if place in content and b"\0" not in content:
            times = os.stat(full)
            with open(full, "wb") as file:
                file.write(content.replace(place, b""))
            os.utime(full, ns=(times.st_atime_ns, times.st_mtime_ns))
