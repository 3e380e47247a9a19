"""Another process in a running container, as PID 1 starts it: in the same namespaces as the user's.

It has the container's mounts, environment and limits, and a session of its own, with a terminal where one is
wanted. What becomes of its output and exit status is for execs.py, in the supervisor.
"""

from __future__ import annotations

import os
from typing import Any

from . import entry, entrypoint, stdio

_FILES_PROGRAM = "/__modal/.bin/modal-sandbox-fs-tools"  # Modal's; sandbox_files.py does what it does
_NO_SUCH_FOLDER = "there is no folder {} in the container"


def spawn(spec: dict[str, Any], wanted: dict[str, Any], user_namespace: int) -> tuple[int, dict[str, int]]:
    """Starts `wanted["command"]`; returns its process id and our ends of its input, output or terminal.
    Raises OSError where it cannot be started."""
    wanted["workdir"] = wanted["workdir"] or spec["workdir"]
    if wanted["command"][0] == _FILES_PROGRAM:
        ours = [spec["python"], "-I", "-S", "-B", spec.get("main", entrypoint.MAIN), "sandbox_files"]
        wanted["command"] = ours + wanted["command"][1:]
    if not os.path.isdir(wanted["workdir"]):
        raise OSError(0, _NO_SUCH_FOLDER.format(wanted["workdir"]))
    if wanted["terminal"] is not None:
        theirs, ends = stdio.open_terminal(wanted["terminal"])
    else:
        theirs, ends = stdio.open_pipes(wanted["stdout"], wanted["stderr"])
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(spec, wanted, theirs, writer, user_namespace)
    os.close(writer)
    stdio.close_all(theirs)
    problem = os.read(reader, 4096)
    os.close(reader)
    if problem:
        stdio.close_all(tuple(ends.values()))
        raise OSError(0, problem.decode(errors="replace"))
    return pid, ends


def _become(
    spec: dict[str, Any],
    wanted: dict[str, Any],
    theirs: tuple[int, int, int],
    writer: int,
    user_namespace: int,
) -> None:
    """In the new process; does not return."""
    try:
        os.set_inheritable(writer, False)  # closed by the command: then it runs
        own = dict(spec, **wanted)
        own["env"] = dict(spec["env"], **wanted["env"])
        entry.join_user(own, theirs, writer, user_namespace)
        entry.execute(wanted["command"])
    except BaseException as error:
        os.write(writer, entry.describe(error).encode())
    finally:
        os._exit(1)


def signal_session(leader: int, number: int) -> None:
    """Signals the process and all that it started which kept its session."""
    for name in os.listdir("/proc"):
        if name.isdigit() and _session(int(name)) == leader:
            try:
                os.kill(int(name), number)
            except ProcessLookupError:
                pass


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0
