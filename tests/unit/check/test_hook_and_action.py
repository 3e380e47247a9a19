"""The pre-commit hook and the GitHub action, run as those run them, but for fetching Homeport."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from homeport.cli import root
from tests.support.account import REPOSITORY

APP = """\
import modal

app = modal.App("refused")
image = modal.Image.debian_slim().add_local_python_source("src/dataset.py")


@app.function(image=image)
def train(): ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an app that the client refuses, in which the hook and the action run."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_hook_finds_the_apps_of_the_repository(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (hook,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert not hook["pass_filenames"]
    command = [*shlex.split(hook["entry"]), *hook["args"]]
    assert command[0] == "homeport"
    assert root.run(command[1:]) == 1
    assert "deploy/app.py:4:35: HP123" in capsys.readouterr().out


def action(project: Path, **inputs: str) -> "subprocess.CompletedProcess[str]":
    """The action's last step, with a Homeport where the step before would have installed it."""
    described = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    values = {name: given["default"] for name, given in described["inputs"].items()}
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    step = described["runs"]["steps"][-1]
    folder = project / "runner"
    command = folder / "homeport-check" / "bin" / "homeport"
    command.parent.mkdir(parents=True)
    command.symlink_to(Path(sys.executable).with_name("homeport"))
    variables = {
        name: values[text.removeprefix("${{ inputs.").removesuffix(" }}")]
        for name, text in step["env"].items()
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**os.environ, **variables, "RUNNER_TEMP": str(folder)},
        cwd=project,
        capture_output=True,
        text=True,
    )


def test_the_action_shows_findings_at_their_lines_and_fails_on_errors(project: Path) -> None:
    done = action(project)
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=deploy/app.py,line=4,")


def test_the_action_writes_sarif_and_takes_several_apps_and_options(project: Path) -> None:
    (project / "second.py").write_text(APP.replace("src/dataset.py", "json"))
    done = action(
        project, apps="deploy/app.py second.py", options="--elsewhere --strict", sarif_file="found.sarif"
    )
    assert done.returncode == 1, done.stderr
    assert json.loads((project / "found.sarif").read_text())["version"] == "2.1.0"


def test_no_input_of_the_action_is_a_command(project: Path) -> None:
    done = action(project, apps="$(touch pwned) `touch pwned` ; touch pwned", sarif_file="; touch pwned")
    assert done.returncode != 0
    assert not (project / "pwned").exists()
