"""Which isolation this engine uses: the one asked for, else namespaces, else proot. None only when asked.

What was found for namespaces is remembered for this boot and these settings, since finding it out takes a
tenth of a second; what the user asked for is remembered until something else is asked.
"""

import asyncio
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home
from homeport.runtime import host, proot_view
from homeport.runtime.isolation import NAMESPACES, PROCESS, PROOT, Isolation
from homeport.runtime.keeper import is_supervised

Asked = Literal["auto", "namespaces", "proot", "process"]
ASKED: Final = ("auto", NAMESPACES, PROOT, PROCESS)
_SETTINGS: Final = (
    "kernel/random/boot_id",
    "user/max_user_namespaces",
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
)


@dataclass(frozen=True)
class Choice:
    """`note` is a line for whoever starts the engine; empty where there is nothing to say."""

    isolation: Isolation
    note: str = ""


def choose(home: Home, asked: Asked | None) -> Choice:
    """For the engine of this home, before it starts anything; None: as asked the last time, or auto. Raises
    EngineUnavailableError where what was asked for cannot be had."""
    known = _read(home)
    wanted: Asked = asked or known.get("asked", "auto")
    living = any(is_supervised(folder) for folder in home.tasks.glob("ta-*"))
    if living and wanted == "auto" and "chosen" in known:  # what opened meanwhile is for the next start
        wanted_now: Asked = PROOT if known["chosen"] == PROOT else NAMESPACES
    else:
        wanted_now = wanted
    choice = _choose(home, wanted_now, known)
    if living:
        _refuse_change(choice.isolation, known)
    _write(home, {**known, "asked": wanted, "chosen": choice.isolation, "working": _working(choice)})
    return choice


def _choose(home: Home, wanted: Asked, known: dict[str, Any]) -> Choice:
    if wanted == NAMESPACES:
        return Choice(NAMESPACES)
    if wanted == PROCESS:
        return Choice(
            PROCESS,
            "Nothing is isolated, as asked: containers are plain processes of this user; homeport status "
            "says what that means.",
        )
    if wanted == PROOT:
        if problem := proot_view.problem():
            raise EngineUnavailableError(f"proot cannot be used: {problem}")
        return Choice(
            PROOT, "Containers run under proot, as asked; homeport status says what it cannot hold."
        )
    if known.get("working") == _mark():
        return Choice(NAMESPACES)
    found = asyncio.run(host.detect(home))
    if not found.problem:
        return Choice(NAMESPACES)
    if found.proot_problem:
        return Choice(NAMESPACES, no_container(found.problem, found.proot_problem))
    return Choice(
        PROOT,
        f"Namespaces are closed here ({found.problem}), so containers run under proot: slower, and "
        "homeport status says what it cannot hold.",
    )


def no_container(problem: str, proot_problem: str) -> str:
    """One sentence with both cures, and what can do without."""
    cure = host.cure(problem).rstrip(".") or "open namespaces"
    return (
        f"No container can be started here: {problem}. {cure}; or use proot: {proot_problem}; or, for code "
        "that you trust, do without any isolation: homeport up --engine process"
    )


def _working(choice: Choice) -> str | None:
    return _mark() if choice.isolation == NAMESPACES and not choice.note else None


def _mark() -> str:
    """What the finding depends on: the boot, who this is, and the settings."""
    facts = [str(os.geteuid()), str(Path("/proc/self/ns/user").readlink())]
    for name in _SETTINGS:
        with suppress(OSError):
            facts.append(Path("/proc/sys", name).read_text(encoding="ascii").strip())
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    facts += [line for line in status if line.startswith(("Seccomp:", "NoNewPrivs:", "CapEff:", "CapBnd:"))]
    return " ".join(facts)


def _refuse_change(chosen: Isolation, known: dict[str, Any]) -> None:
    """A container lives on in the isolation that it was started in, and so do its volumes."""
    before = known.get("chosen", chosen)
    if before != chosen:
        raise EngineUnavailableError(
            f"Containers that run here were started with --engine {before}, so the engine cannot go on with "
            f"{chosen}. To go on with them: homeport up --engine {before}; to end them after that: "
            "homeport down"
        )


def _file(home: Home) -> Path:
    return home.root / "isolation.json"


def _read(home: Home) -> dict[str, Any]:
    try:
        found = json.loads(_file(home).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(home: Home, content: dict[str, Any]) -> None:
    if content != _read(home):
        draft = home.root / "isolation.new"
        draft.write_text(json.dumps(content), encoding="utf-8")
        draft.replace(_file(home))
