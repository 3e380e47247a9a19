"""Which isolation an engine uses, and what it says of it."""

import fcntl
import os
from pathlib import Path

import pytest

from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home
from homeport.runtime import choice, host, proot_view
from homeport.runtime.host import HostReport
from homeport.runtime.isolation import NAMESPACES, PROCESS, PROOT


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def play(monkeypatch: pytest.MonkeyPatch, problem: str = "", proot_problem: str = "") -> list[Home]:
    """A machine with these problems; the list holds who looked."""
    looked = []

    async def detect(home: Home) -> HostReport:
        looked.append(home)
        return HostReport(problem, "", "", "", (), proot_problem)

    monkeypatch.setattr(host, "detect", detect)
    monkeypatch.setattr(proot_view, "problem", lambda: proot_problem)
    return looked


def test_namespaces_where_they_work_which_is_found_out_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = play(monkeypatch)
    assert choice.choose(home, None) == choice.Choice(NAMESPACES)
    assert choice.choose(home, None) == choice.Choice(NAMESPACES)
    assert len(looked) == 1
    monkeypatch.setattr(choice, "_mark", lambda: "after a restart of the machine")
    choice.choose(home, None)
    assert len(looked) == 2


def test_proot_where_they_are_closed_and_it_is_said(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = play(monkeypatch, "unshare: Operation not permitted")
    found = choice.choose(home, None)
    assert found.isolation == PROOT
    assert "unshare: Operation not permitted" in found.note and "homeport status" in found.note
    assert "\n" not in found.note
    choice.choose(home, None)
    assert len(looked) == 2, "it is looked again, since somebody may have opened them"


def test_without_proot_both_cures_are_in_one_sentence(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, "unshare: Operation not permitted", "apt-get install proot")
    monkeypatch.setattr(host, "_SYSCTL", home.root)
    (home.root / "user").mkdir()
    (home.root / "user/max_user_namespaces").write_text("0")
    found = choice.choose(home, None)
    assert found.isolation == NAMESPACES, "never none"
    assert "user.max_user_namespaces" in found.note and "or use proot: apt-get install proot" in found.note


def test_no_isolation_only_when_asked_for_and_until_something_else_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, "unshare: Operation not permitted", "apt-get install proot")
    assert choice.choose(home, None).isolation == NAMESPACES, "though no container can be started"
    assert choice.choose(home, "process").isolation == PROCESS
    found = choice.choose(home, None)
    assert found.isolation == PROCESS and found.note.startswith("Nothing is isolated, as asked")
    assert choice.choose(home, "auto").isolation == NAMESPACES


def test_what_was_asked_for_is_kept_until_something_else_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    assert choice.choose(home, "proot").isolation == PROOT
    assert choice.choose(home, None).isolation == PROOT
    assert choice.choose(home, "auto").isolation == NAMESPACES
    assert choice.choose(home, None).isolation == NAMESPACES


def test_proot_that_cannot_be_used_is_refused_where_it_was_asked_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, "", "apt-get install proot")
    with pytest.raises(EngineUnavailableError, match="apt-get install proot"):
        choice.choose(home, "proot")


def test_an_engine_does_not_change_the_isolation_of_what_runs(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    choice.choose(home, "proot")
    task = home.tasks / "ta-1"
    task.mkdir()
    with (task / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as its supervisor does
        with pytest.raises(EngineUnavailableError, match="--engine proot"):
            choice.choose(home, "namespaces")
        assert choice.choose(home, "proot").isolation == PROOT
        assert choice.choose(home, "auto").isolation == PROOT, "though namespaces are open by now"
    assert choice.choose(home, None).isolation == NAMESPACES
    assert choice.choose(home, "namespaces").isolation == NAMESPACES


def test_a_damaged_note_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    (home.root / "isolation.json").write_text("[")
    assert choice.choose(home, None).isolation == NAMESPACES


def test_as_root_proot_needs_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proot_view, "find_proot", lambda: "/usr/bin/proot")
    monkeypatch.setattr(proot_view, "is_confined", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "Landlock" in proot_view.problem()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert proot_view.problem() == ""
