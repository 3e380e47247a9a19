"""What this machine offers to containers, as `status` and `doctor` show it; runtime/host.py finds it out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from homeport.cli import service
from homeport.cli.checks import Finding
from homeport.model.home import Home
from homeport.runtime.host import detect

_NOTHING = "nothing"


def limits(home: Home) -> dict[str, str]:
    """The mechanism that holds each limit here, or a word that none does."""
    found = asyncio.run(detect(home))
    groups = _groups_of_engine(home)
    return {
        "memory": f"held by {groups or found.memory_limit}",
        "cpu": f"held by {groups or found.cpu_limit}",
        "gpu": f"{len(found.gpus)} devices, each given to one container" if found.gpus else "no device",
    }


def containers(home: Home) -> Iterator[Finding]:
    """Whether a container can be started, by starting one, and what holds its limits."""
    found = asyncio.run(detect(home))
    if found.problem:
        yield Finding("containers", "problem", f"cannot be started: {found.problem}", found.cure, True)
    else:
        yield Finding("containers", "ok", "one was started, with namespaces and an overlay of its own")
    yield Finding("memory limit", "ok", f"held by {found.memory_limit}")
    if found.cpu_limit == _NOTHING:
        cure = (
            "Where systemd runs, start the engine with groups of its own: "
            "systemd-run --user --unit=homeport -p Delegate=yes homeport up --foreground"
        )
        yield Finding("cpu limit", "note", "held by nothing; containers may use more than asked", cure)
    else:
        yield Finding("cpu limit", "ok", f"held by {found.cpu_limit}")


def _groups_of_engine(home: Home) -> str:
    """What holds the limits of an engine that was given control groups which this shell does not have."""
    endpoint = service.find(home)
    if endpoint is None:
        return ""
    try:
        group = Path(f"/proc/{endpoint.pid}/cgroup").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return "control groups (version 2)" if group.endswith("/homeport-engine") else ""
