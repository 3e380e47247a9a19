"""What `homeport run` takes its arguments for, before modal gets them, and what stops it."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from homeport.check import rules
from homeport.check.facts import Facts
from homeport.check.findings import Finding
from homeport.cli.check_run import Run, parse, will_fail

APP = """\
import modal

app = modal.App("eeg")


@app.function()
def train():
    helper.remote()


@app.function()
def helper(bad): ...


@app.function()
def other(bad, maybe=False):
    if maybe:
        helper.remote()


@app.function()
def fine(): ...


@app.local_entrypoint()
def main():
    train.remote()


@app.local_entrypoint()
def careful(maybe: bool = False):
    fine.remote()
    if maybe:
        other.remote()
"""


@pytest.mark.parametrize(
    "line, run",
    [
        ("app.py", Run("app.py", False, False, ())),
        ("--detach app.py::train --lr 1", Run("app.py::train", False, True, ("--lr", "1"))),
        ("-e dev -qm pkg.app::main", Run("pkg.app::main", True, False, ())),
        ("--name=x -w out.bin -d app.py -m", Run("app.py", False, True, ("-m",))),
    ],
)
def test_the_app_and_its_arguments_are_told_from_modals_options(line: str, run: Run) -> None:
    assert parse(line.split()) == run


@pytest.mark.parametrize(
    "line", ["", "--new-option app.py", "-", "app.py --help", "-qx app.py", "-h", "-e x"]
)
def test_what_is_not_known_is_not_checked(line: str) -> None:
    assert parse(line.split()) is None


def bad_parameters(facts: Facts) -> Iterator[Finding]:
    """An error for each function with a parameter named `bad`."""
    for function in facts.app.functions:
        if any(parameter.name == "bad" for parameter in function.parameters):
            yield Finding("HP901", function.site, f"{function.name} is bad", "error", function.name)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(rules, "rules", lambda: (SimpleNamespace(CODE="HP901", check=bad_parameters),))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize("reference", ["app.py::helper", "app.py::train", "app.py::main", "app.py::app.main"])
def test_an_error_of_what_is_surely_called_stops_the_run(
    folder: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert will_fail([reference, "--epochs", "3"])
    out, err = capsys.readouterr()
    assert out == ""
    assert "HP901 helper is bad" in err and f"homeport run --no-check {reference}" in err


@pytest.mark.parametrize(
    "reference", ["app.py::fine", "app.py::careful", "app.py", "app.py::nothing", "nothing.py", "app.py::"]
)
def test_an_error_of_what_may_not_be_called_stops_nothing(
    folder: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not will_fail([reference])
    assert capsys.readouterr() == ("", "")


def test_a_mistake_of_the_check_stops_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("homeport.check.preflight.gather", lambda *_: 1 / 0)
    assert not will_fail(["app.py::helper"])
    assert capsys.readouterr().err == "homeport: not checked, since ZeroDivisionError: division by zero\n"


def test_a_file_that_is_no_app_stops_nothing(folder: Path) -> None:
    (folder / "empty.py").write_text("")
    (folder / "data.bin").write_bytes(b"\0\1\2")
    assert not will_fail(["empty.py"])
    assert not will_fail(["data.bin"])
