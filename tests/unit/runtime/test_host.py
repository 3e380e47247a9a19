"""What `homeport doctor` and errors say of the machine."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.runtime import host, launcher, proot_view
from homeport.runtime.commands import CommandSpec
from homeport.runtime.host import cure, detect
from homeport.runtime.inside import kernel
from homeport.runtime.isolation import PROOT
from tests.unit.runtime.box import Place

REFUSED = "unshare: Operation not permitted"


def test_a_machine_that_runs_these_tests_runs_containers(place: Place) -> None:
    report = asyncio.run(detect(place.home))
    assert report.can_run_containers and report.problem == "" and report.cure == ""
    assert report.memory_limit and report.cpu_limit
    assert list(place.home.cache.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("user/max_user_namespaces", "0"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ],
)
def test_the_setting_that_closes_namespaces_is_named(
    setting: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_SYSCTL", tmp_path)
    monkeypatch.setattr(host, "_CONTAINER_MARKS", ())
    assert cure(REFUSED) == ""
    path = tmp_path / setting
    path.parent.mkdir()
    path.write_text(value + "\n")
    assert setting.replace("/", ".") in cure(REFUSED) and "as root" in cure(REFUSED)
    assert cure("No such file or directory (/x)") == ""


def test_in_a_container_its_options_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_SYSCTL", tmp_path)
    monkeypatch.setattr(host, "_CONTAINER_MARKS", (tmp_path,))
    assert "--security-opt" in cure(REFUSED)


def test_a_kernel_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_OLDEST_LINUX", (999, 0))
    assert "too old" in cure(REFUSED)


def test_without_namespaces_the_problem_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit of no namespaces at all, in a user namespace of its own so that no other process feels it."""
    if os.geteuid() == 0:
        pytest.skip("only an ordinary user can be shut out in this way; root's run tests it as one")
    closing = place.home.root / "closed.py"
    closing.write_text(
        f"""
import os, runpy, sys
sys.path.insert(0, {str(Path(kernel.__file__).parent.parent)!r})
from inside import kernel
uid, gid = os.geteuid(), os.getegid()
kernel.unshare(kernel.CLONE_NEWUSER)
open("/proc/self/setgroups", "w").write("deny")
open("/proc/self/uid_map", "w").write("%d %d 1" % (uid, uid))
open("/proc/self/gid_map", "w").write("%d %d 1" % (gid, gid))
open("/proc/sys/user/max_user_namespaces", "w").write("0")
sys.argv = [{str(launcher.INSIDE)!r}, *sys.argv[1:]]
runpy.run_path({str(launcher.INSIDE)!r}, run_name="__main__")
"""
    )
    monkeypatch.setattr(launcher, "INSIDE", closing)
    report = asyncio.run(detect(place.home))
    assert report.isolation == PROOT or not report.can_run_containers, "proot stands in where it is there"
    assert "unshare" in report.problem


def test_a_program_that_fails_in_the_trial_is_a_problem(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where ptrace is forbidden: proot starts, and then cannot trace."""

    async def run_command(command: CommandSpec, on_output: Callable[[bytes], None]) -> int:
        on_output(b"proot error: ptrace(TRACEME): Operation not permitted\nfatal error\n")
        return 1

    monkeypatch.setattr(host, "run_command", run_command)
    monkeypatch.setattr(proot_view, "problem", lambda: "")
    report = asyncio.run(detect(place.home))
    assert not report.can_run_containers
    assert "cannot start here either (proot error: ptrace(TRACEME)" in report.proot_problem
