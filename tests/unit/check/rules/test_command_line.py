"""What is said of a command line, held against the client itself: it refuses what is said to be wrong, and
takes what nothing is said of.
"""

import contextlib
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import modal.cli.run
import pytest
from click.testing import CliRunner

from tests.support.check import findings_of

APP = """\
import datetime
import typing
from pathlib import Path
from typing import Literal, Optional

import modal

app = modal.App("commands")


@app.function()
def typed(
    x: int,
    y: float = 0.5,
    flag: bool = False,
    s: str = "",
    choice: Literal["a", "b"] = "a",
    n: Literal[1, 2] = 1,
    d: datetime.datetime = None,
    o: Optional[int] = None,
    p: int | None = None,
    q: "int" = 1,
    learning_rate: float = 1e-3,
    untyped=None,
):
    pass


@app.function()
def path(x: Path = None):
    pass


@app.function()
def many(x: list[str] = None):
    pass


@app.function()
def anything(x: typing.Any = None):
    pass


@app.function()
def backwards(x: None | str = None):
    pass


@app.function()
def either(x: int | str = 1):
    pass


@app.function()
def optional_choice(x: Optional[Literal["a"]] = None):
    pass


@app.function()
def words(**kwargs):
    pass


@app.function()
def overrides(*args):
    pass


@app.function()
def mixed(x: int, *args):
    pass


@app.function()
def stream():
    yield 1


@app.function()
@modal.fastapi_endpoint()
def web():
    pass


@app.cls()
class Model:
    size: int = modal.parameter()
    name: str = modal.parameter(default="x")

    @modal.enter()
    def load(self):
        pass

    @modal.method()
    def predict(self, k: int = 1):
        pass


@app.function(name="renamed")
def original():
    pass


@app.local_entrypoint()
def main(a: int):
    pass


@app.local_entrypoint()
def second():
    pass
"""

REFUSED = """
app.py
app.py::typed
app.py::typed --x
app.py::typed --x=1 --y nope
app.py::typed --x 1.5
app.py::typed --x 1 --flag=true
app.py::typed --x 1 --flag true
app.py::typed --x 1 --choice c
app.py::typed --x 1 --choice A
app.py::typed --x 1 --n 3
app.py::typed --x 1 --d 2026
app.py::typed --x 1 --o five
app.py::typed --x 1 --p five
app.py::typed --x 1 --q five
app.py::typed --x 1 --learning_rate 0.1
app.py::typed --x 1 --learning-rat 0.1
app.py::typed --x 1 data/cats
app.py::typed --x 1 -- data/cats
app.py::typed -- --x 1
app.py::typed -x 1
app.py::path
app.py::many --x a
app.py::anything
app.py::backwards
app.py::either
app.py::optional_choice
app.py::words
app.py::mixed --x 1
app.py::stream
app.py::web
app.py::Model
app.py::Model.predict
app.py::Model.predict --size 1 --j 2
app.py::Model.load --size 1
app.py::renamed
app.py::app.original
app.py::app
app.py::nope
app.py::typd --x 1
app.py::main --a 1 --b 2
app.py::main
"""
TAKEN = """
app.py::typed --x 1
app.py::typed --x 1 --flag
app.py::typed --x 1 --no-flag
app.py::typed --x -1
app.py::typed --x 1 --y 3 --s -- --choice b --n 2
app.py::typed --x 1 --d 2026-01-01T10:00:00 --o 5 --p 6 --q 7
app.py::typed --learning-rate=1e-4 --x=1 --untyped anything
app.py::typed --x 1 --x 2
app.py::typed --x 1_000
app.py::typed --help
app.py::words --kwargs 1
app.py::overrides --x 1 y model.dim=3
app.py::overrides -- model.dim=3
app.py::Model --size 1
app.py::Model.predict --size 1 --k 2 --name y
app.py::original
app.py::app.renamed
app.py::app.main --a 1
app.py::app.Model.predict --size 1
app.py::main --a 1
app.py::second
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.fixture
def is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bool]:
    """Whether the client gets as far as starting the app."""

    @contextlib.contextmanager
    def started(*_: object, **__: object) -> Iterator[None]:
        raise click.ClickException("it would start now")
        yield

    monkeypatch.setattr(modal.cli.run, "run_app", started)
    monkeypatch.setenv("MODAL_SERVER_URL", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(APP)

    def asked(command: str) -> bool:
        result = CliRunner().invoke(modal.cli.run.run, shlex.split(command), obj={})
        return "it would start now" in result.output or "Show this message" in result.output

    return asked


@pytest.mark.parametrize("command", lines(REFUSED))
def test_what_the_client_refuses_is_an_error(command: str, is_taken: Callable[[str], bool]) -> None:
    assert not is_taken(command)
    found = findings_of({"app.py": APP}, run=command, only="HP50")
    assert [finding.severity for finding in found] == ["error"], found


@pytest.mark.parametrize("command", lines(TAKEN))
def test_of_what_the_client_takes_nothing_is_said(command: str, is_taken: Callable[[str], bool]) -> None:
    assert is_taken(command)
    assert not findings_of({"app.py": APP}, run=command, only="HP50")
