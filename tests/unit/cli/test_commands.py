"""The commands as they are typed: what they print, their exit status, what they load."""

import json
import os
import pwd
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from homeport.cli import checks, client_environment, machine, root, service
from homeport.model.home import Home
from homeport.runtime.host import HostReport

Choose = Callable[[str], None]


def test_no_command_loads_what_only_the_engine_needs() -> None:
    code = (
        "import sys\n"
        "from homeport.cli import root\n"
        "import click\n"
        "for name in root.homeport.list_commands(None):\n"
        "    assert root.homeport.get_command(click.Context(root.homeport), name) is not None\n"
        "print([name for name in ('modal', 'modal_proto', 'grpc', 'google', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_up_says_where_and_how(home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["up"]) == 0
    endpoint = service.require(home)
    out = capsys.readouterr().out
    assert f"up at {endpoint.server_url}" in out
    assert 'eval "$(homeport env)"' in out
    assert root.run(["up"]) == 0
    assert "already up" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--gpu", "require"], ["--port", "1234"]])
def test_an_option_that_comes_too_late_is_refused(
    home: Home, engine: Choose, capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    assert root.run(["up"]) == 0
    assert root.run(["up", *option]) == 1
    assert f"homeport down && homeport up {' '.join(option)}" in capsys.readouterr().err


def test_a_failed_start_is_one_sentence(
    home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    engine("refuse")
    assert root.run(["up"]) == 1
    assert capsys.readouterr().err == "homeport: The moon is in the wrong phase.\n"


def test_down_stops_what_up_started(home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["up"]) == 0
    pid = service.require(home).pid
    assert root.run(["down"]) == 0
    assert f"pid {pid}" in capsys.readouterr().out
    os.waitpid(pid, 0)
    assert root.run(["down"]) == 0
    assert capsys.readouterr().out == "No engine is up.\n"


def test_status_as_json(home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["engine"] is None
    assert root.run(["up"]) == 0
    capsys.readouterr()
    assert root.run(["status", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["engine"]["pid"] == service.require(home).pid
    assert state["containers"] == []
    assert state["home"] == str(home.root)


def test_status_tells_a_killed_engine(home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["up"]) == 0
    pid = service.require(home).pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    capsys.readouterr()
    assert root.run(["status"]) == 3
    assert "ended without a shutdown" in capsys.readouterr().out


def test_env_needs_an_engine_and_prints_nothing_to_eval(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert root.run(["env"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "homeport up" in captured.err


def test_env_up_starts_the_engine_once(
    home: Home, engine: Choose, capsys: pytest.CaptureFixture[str]
) -> None:
    assert root.run(["env", "--up"]) == 0
    first = capsys.readouterr()
    url = service.require(home).server_url
    assert f"export MODAL_SERVER_URL={url};" in first.out and f"up at {url}." in first.err
    assert root.run(["env", "--up"]) == 0
    second = capsys.readouterr()
    assert (second.out, second.err) == (first.out, "")
    assert root.run(["env", "--up", "--unset"]) == 2
    assert "--unset and --up exclude each other" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["sh", "csh"])
def test_env_sets_what_a_shell_needs(
    home: Home,
    engine: Choose,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
) -> None:
    monkeypatch.setenv("MODAL_OAUTH_REFRESH_TOKEN", "x")
    assert root.run(["up"]) == 0
    capsys.readouterr()
    assert root.run(["env", "--shell", shell]) == 0
    lines = capsys.readouterr().out.splitlines()
    url = service.require(home).server_url
    expected = {"sh": f"export MODAL_SERVER_URL={url};", "csh": f"setenv MODAL_SERVER_URL {url};"}[shell]
    assert expected in lines
    unset = {"sh": "unset", "csh": "unsetenv"}[shell]
    assert f"{unset} MODAL_OAUTH_REFRESH_TOKEN;" in lines


def test_what_env_prints_is_understood_by_sh_and_undone_by_unset() -> None:
    values = {"A": "it's $HOME; `x`", "B": ""}
    folder = Path("/some where/bin")
    set_up = client_environment.export_lines("sh", values, (), folder)
    undo = client_environment.unset_lines("sh", values)
    script = f'{set_up}\nprintf "%s|%s|%s\\n" "$A" "$B" "$PATH"\n{undo}\necho "${{A-gone}} ${{B-gone}}"'
    done = subprocess.run(["sh", "-c", script], env={"PATH": "/bin"}, capture_output=True, text=True)
    assert done.stdout == "it's $HOME; `x`||/bin:/some where/bin\ngone gone\n"


def test_run_passes_everything_on_and_becomes_modal(
    home: Home, engine: Choose, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "modal"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$MODAL_SERVER_URL" "$MODAL_OAUTH_JWT_KEY" "$@"\nexit 7\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    arguments = ["--detach", "app.py::train", "--config-path", "x y.yaml", "--help", "-q", "--", "-z"]
    code = (
        "import sys\n"
        "from homeport.cli import modal, root, service\n"
        f"modal.modal_command = lambda: [{str(script)!r}]\n"
        "sys.exit(root.run(sys.argv[1:]))"
    )
    endpoint, _ = service.start(home)
    done = subprocess.run(
        [sys.executable, "-c", code, "run", *arguments],
        env=os.environ | {"MODAL_OAUTH_JWT_KEY": "x"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [endpoint.server_url, "", "run", *arguments], done.stderr
    assert done.returncode == 7


def test_activate_and_deactivate(
    home: Home,
    engine: Choose,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "modal.toml"
    file.write_text('[work]\ntoken_id = "ak"\nactive = true\n')
    monkeypatch.setenv("MODAL_PROFILE", "work")
    assert root.run(["activate"]) == 0
    captured = capsys.readouterr()
    assert "active before: work" in captured.out
    assert "unset MODAL_PROFILE" in captured.err
    assert "[homeport]" in file.read_text()
    assert root.run(["deactivate"]) == 0
    assert file.read_text() == '[work]\ntoken_id = "ak"\nactive = true\n'
    assert root.run(["deactivate"]) == 0
    assert "nothing to undo" in capsys.readouterr().out


def test_deactivate_leaves_no_file_that_activate_made(home: Home, engine: Choose, tmp_path: Path) -> None:
    assert root.run(["activate"]) == 0
    assert (tmp_path / "modal.toml").exists()
    assert root.run(["deactivate"]) == 0
    assert not (tmp_path / "modal.toml").exists()


def report(problem: str) -> HostReport:
    return HostReport(
        problem, "Turn it off and on.", "the supervisor", "nothing", (), problem and "apt-get install proot"
    )


@pytest.mark.parametrize(("problem", "status"), [("", 0), ("mount refused", 1)])
def test_doctor_fails_only_where_no_container_can_run(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    problem: str,
    status: int,
) -> None:
    async def detect(home: Home) -> HostReport:
        return report(problem)

    monkeypatch.setattr(machine, "detect", detect)
    assert root.run(["doctor", "--json"]) == status
    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["containers"]["state"] == ("problem" if problem else "ok")
    assert findings["cpu limit"]["state"] == "note"
    assert findings["modal"]["text"].startswith(checks.SERVED_CLIENT)
    assert root.run(["doctor"]) == status
    assert ("cure: Turn it off and on." in capsys.readouterr().out) == bool(problem)


def test_doctor_finds_a_token_that_others_can_read(home: Home, engine: Choose) -> None:
    service.start(home)
    home.token_file.chmod(0o644)
    finding = next(found for found in checks.all_findings(home) if found.name == "token")
    assert finding.state == "problem"
    assert f"chmod 600 {home.token_file}" in finding.cure


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.root.mkdir()
    home.root.chmod(0o500)
    assert root.run(["up"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_user_without_any_home_folder_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_account(uid: int) -> NoReturn:
        raise KeyError(uid)

    for name in ("HOMEPORT_HOME", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", no_account)
    assert root.run(["status"]) == 1
    assert "Set HOMEPORT_HOME" in capsys.readouterr().err


def test_a_full_disk_is_a_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(home: Home) -> None:
        raise OSError(28, "No space left on device", "/somewhere/x")

    monkeypatch.setattr(service, "prepare", full)
    assert root.run(["up"]) == 1
    assert "No space left on device. Free some space" in capsys.readouterr().err


def test_an_unknown_command_and_a_bad_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["bogus"]) == 2
    assert "No such command" in capsys.readouterr().err
    assert root.run(["up", "--port", "99999"]) == 2


@pytest.mark.parametrize("name", [name for section in root.SECTIONS.values() for name in section])
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run([name] if name in ("run", "modal") else [name, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: homeport" in out
    assert name in ("deactivate",) or f"homeport {name}" in out.split("Usage:", 1)[1].split("\n", 1)[1]


def test_a_reader_that_leaves_early_gets_no_words() -> None:
    line = f"{shlex.quote(sys.executable)} -m homeport --help | true"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.stderr == ""
