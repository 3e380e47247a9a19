"""What this machine offers to containers, as `status` and `doctor` show it; runtime/host.py finds it out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from homeport.cli import service
from homeport.cli.checks import Finding
from homeport.model.home import Home
from homeport.runtime import choice, plain_view, proot_view
from homeport.runtime.host import HostReport, detect
from homeport.runtime.isolation import PROCESS, PROOT

_NOTHING = "nothing"


def isolation(found: HostReport, endpoint: service.Endpoint | None) -> dict[str, Any]:
    """What keeps containers apart, of the engine that is up or of the next, and what that cannot hold."""
    kind = endpoint.engine if endpoint else found.isolation
    if kind == PROCESS:
        return {"engine": kind, "lacks": list(plain_view.lacks())}
    if kind == PROOT:
        return {"engine": kind, "lacks": list(proot_view.lacks())}
    return {"engine": kind, "lacks": [] if found.can_run_containers else [no_container_sentence(found)]}


def no_container_sentence(found: HostReport) -> str:
    return choice.no_container(found.problem, found.proot_problem)


def look(home: Home) -> HostReport:
    """Runs a container to find out."""
    return asyncio.run(detect(home))


def limits(home: Home, found: HostReport) -> dict[str, str]:
    """The mechanism that holds each limit here, or a word that none does."""
    groups = _groups_of_engine(home)
    return {
        "memory": f"held by {groups or found.memory_limit}",
        "cpu": f"held by {groups or found.cpu_limit}",
        "gpu": f"{len(found.gpus)} devices, each given to one container" if found.gpus else "no device",
    }


def containers(home: Home) -> Iterator[Finding]:
    """Whether a container can be started, by starting one, and what holds its limits."""
    found = asyncio.run(detect(home))
    if found.isolation == PROOT:
        text = f"run under proot, one was started; namespaces are closed: {found.problem}"
        yield Finding("containers", "note", text, found.cure or "Open namespaces to ordinary users.")
        for lack in proot_view.lacks():
            yield Finding("", "note", lack)
    elif found.problem:
        unheld = "For code that you trust, isolation can be done without: homeport up --engine process"
        cure = f"{found.cure} Or use proot: {found.proot_problem}. {unheld}".lstrip()
        yield Finding("containers", "problem", f"cannot be started: {found.problem}", cure, True)
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
