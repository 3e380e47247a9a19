"""`homeport guard`, with a stand-in for the modal command: what is passed on, what stops it, how it ends.

The real client is in tests/tour/test_34_contracts.py.
"""

import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from homeport.cli.guarding.choose import choose, read_command
from homeport.model.errors import FailedPreconditionError, NotFoundError
from homeport.record.contracts.mistakes import BadContractsError

APP_ID = "ap-0123456789abcdefghijAB"
CONTRACT = r"""
[contract.full]
when = { function = "train", config_path = "configs/full.yaml" }
forbid_env = ["BGB_LIMIT_FILES"]
observe = 'Loading (?P<train>\d+) train'
expect = { train = 3734 }

[contract.smoke]
when = { function = "train", config_path = "*smoke*" }
observe = 'Loading (?P<train>\d+) train'
expect = { train = 50 }
"""
APP = """
import modal

app = modal.App("fifty")


@app.function()
def train(config_path: str = "configs/full.yaml"): ...
"""
# prints what it is told by lines of $SAID; `app stop` and others are written down
MODAL = f"""#!{sys.executable}
import os, sys, time, signal
if sys.argv[1] == "app":
    with open("asked", "a") as file:
        file.write(" ".join(sys.argv[1:]) + "\\n")
    if sys.argv[2] == "list":
        print('[{{"app_id": "{APP_ID}", "state": "' + os.environ.get("STATE", "stopped") + '"}}]')
    if sys.argv[2] == "logs":
        print("Loading 3734 train")
        print(os.environ.get("LATER", ""))
    sys.exit(0)
print("View run at https://modal.com/apps/me/main/{APP_ID}", flush=True)
print("to stderr", file=sys.stderr, flush=True)
print("terminal", os.isatty(1), flush=True)
try:
    for line in os.environ.get("SAID", "").split("|"):
        if line.startswith("sleep"):
            time.sleep(float(line[5:]))
        else:
            print(line, flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
sys.exit(int(os.environ.get("CODE", "0")))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "homeport.toml").write_text(CONTRACT)
    (tmp_path / "app.py").write_text(APP)
    modal = tmp_path / "modal"
    modal.write_text(textwrap.dedent(MODAL))
    modal.chmod(0o755)
    return tmp_path


def guard(folder: Path, *words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        line(*words), cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, timeout=60
    )


def line(*words: str) -> list[str]:
    return [sys.executable, "-c", "from homeport.cli import main; main()", "guard", *words]


RUN = ("--", "./modal", "run", "app.py::train")


def asked(folder: Path) -> list[str]:
    file = folder / "asked"
    return file.read_text().splitlines() if file.exists() else []


def test_a_run_that_keeps_its_contract_is_left_alone(folder: Path) -> None:
    done = guard(folder, *RUN, SAID="Loading 3734 train|done")
    assert done.returncode == 0, done
    assert done.stdout.splitlines()[-3:] == ["terminal False", "Loading 3734 train", "done"]
    assert "to stderr" in done.stderr and "Holding this run to contract full" in done.stderr
    assert "rules on variables are not looked at" in done.stderr
    assert asked(folder) == []


def test_a_wrong_count_stops_the_app_and_is_told_with_the_likely_cause(folder: Path) -> None:
    began = time.monotonic()
    done = guard(folder, *RUN, SAID="Loading 50 train|sleep60", BGB_LIMIT_FILES="50")
    assert done.returncode == 3
    assert (
        "homeport guard: Contract full is broken: expected 3734 train, saw 50; BGB_LIMIT_FILES is set in the "
        "shell that launched it.\n"
    ) in done.stderr
    assert f"App {APP_ID} was stopped." in done.stderr
    assert asked(folder) == [f"app stop {APP_ID} --yes"]
    assert time.monotonic() - began < 40


def test_what_never_showed_is_a_violation(folder: Path) -> None:
    done = guard(folder, *RUN, SAID="done")
    assert done.returncode == 3
    assert "Contract full is not kept: expected train = 3734, and no line ever showed it." in done.stderr


def test_the_status_of_a_command_that_fails_by_itself_is_its_own(folder: Path) -> None:
    assert guard(folder, *RUN, SAID="oops", CODE="7").returncode == 7


def test_the_options_choose_the_contract(folder: Path) -> None:
    done = guard(folder, *RUN, "--config-path", "configs/Smoke_smoke.yaml", SAID="Loading 50 train")
    assert done.returncode == 0 and "contract smoke" in done.stderr


def test_a_detached_run_that_goes_on_is_followed_and_nothing_is_shown_twice(folder: Path) -> None:
    words = ("--", "./modal", "run", "--detach", "app.py::train")
    done = guard(folder, *words, SAID="Loading 3734 train", STATE="running", LATER="Loading 50 train")
    assert done.returncode == 3
    assert done.stdout.count("Loading 3734 train") == 1 and done.stdout.count("Loading 50 train") == 1
    assert asked(folder) == ["app list --json", f"app logs {APP_ID} -f", f"app stop {APP_ID} --yes"]
    (folder / "asked").unlink()
    assert guard(folder, *words, SAID="Loading 3734 train", STATE="stopped").returncode == 0
    assert asked(folder) == ["app list --json"]


def test_a_warning_lets_the_run_go_on(folder: Path) -> None:
    (folder / "homeport.toml").write_text(
        CONTRACT.replace("[contract.smoke]", 'on_violation = "warn"\n[contract.smoke]')
    )
    done = guard(folder, *RUN, SAID="Loading 50 train|done")
    assert done.returncode == 0 and "done" in done.stdout and "saw 50" in done.stderr and asked(folder) == []


def test_ctrl_c_reaches_the_command_once(folder: Path) -> None:
    process = subprocess.Popen(
        line(*RUN),
        cwd=folder,
        env={**os.environ, "SAID": "waiting|sleep60"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    process.stdout.close()
    assert process.wait(20) == 130 and rest.count("interrupted") == 1


def test_at_a_terminal_the_command_has_a_terminal(folder: Path) -> None:
    pid, ours = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.environ["SAID"] = "waiting|sleep60"
        os.execv(sys.executable, line(*RUN))
    shown = ""
    deadline = time.monotonic() + 30
    is_typed = False
    while time.monotonic() < deadline and select.select([ours], [], [], 30)[0]:
        try:
            shown += os.read(ours, 4096).decode()
        except OSError:
            break
        if "waiting" in shown and not is_typed:
            is_typed = True
            os.write(ours, b"\x03")
    os.close(ours)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130, shown
    assert "terminal True" in shown and "interrupted" in shown and "to stderr" in shown


def test_mistakes_are_told_before_anything_runs(folder: Path) -> None:
    (folder / "homeport.toml").write_text("[contract.full]\nforbidenv = 1\n")
    done = guard(folder, *RUN, SAID="ran")
    assert (
        done.returncode == 1 and "homeport.toml:2:1: unknown key" in done.stderr and "ran" not in done.stdout
    )


@pytest.mark.parametrize(
    ("command", "function", "arguments"),
    [
        ("modal run app.py::train --config-path x.yaml", "train", {"config_path": "x.yaml"}),
        (
            "modal run --detach app.py --config-path=x.yaml --fast",
            "train",
            {"config_path": "x.yaml", "fast": "true"},
        ),
        ("modal run app.py", "train", {"config_path": "configs/full.yaml"}),
        ("python app.py", "train", {"config_path": "configs/full.yaml"}),
    ],
)
def test_what_a_command_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: str, function: str, arguments: dict[str, str]
) -> None:
    monkeypatch.chdir(folder)
    typed = read_command(command.split())
    assert (typed.app, typed.function, typed.arguments) == ("fifty", function, arguments)


def test_which_contract_is_meant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = ["modal", "run", "app.py::train"]
    assert choose(words, None, None).terms.name == "full"
    assert choose(words, None, "smoke").terms.name == "smoke"
    with pytest.raises(FailedPreconditionError, match="No contract matches this command"):
        choose([*words, "--config-path", "other.yaml"], None, None)
    with pytest.raises(FailedPreconditionError, match="Several contracts may be meant"):
        choose(["./launch", "app"], None, None)
    (folder / "homeport.toml").unlink()
    with pytest.raises(NotFoundError, match="There is no homeport"):
        choose(words, None, None)
    (folder / "bad.toml").write_text("contract = 1")
    with pytest.raises(BadContractsError):
        choose(words, folder / "bad.toml", None)
