"""The group of commands: whatever lies in the folder, errors in one sentence, exit status."""

import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from tiny_cats import commands
from tiny_cats.errors import DataError


def test_every_file_says_what_its_command_does() -> None:
    for name, (_, purpose) in commands.found().items():
        assert purpose, f"the docstring of {name} should begin with: `{name}`: what it does"


def test_help_lists_all_without_loading_torch() -> None:
    code = "import sys; from tiny_cats.commands import run; run(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in commands.found())


@pytest.mark.parametrize(
    ("raised", "status", "says"),
    [
        (DataError("no pictures in x: name another folder"), 1, "error: no pictures in x"),
        (KeyboardInterrupt(), 130, "stopped"),
        (click.UsageError("wrong"), 2, "wrong"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 1, "`make cats` sets up .venv"),
        (None, 0, ""),
    ],
)
def test_a_command_ends_in_one_sentence(raised, status, says, monkeypatch, capsys) -> None:
    @click.command()
    def command() -> None:
        if raised:
            raise raised

    module = type(sys)("made_command")
    module.command = command
    monkeypatch.setitem(sys.modules, "made_command", module)
    monkeypatch.setattr(commands.Root, "modules", {"made": ("made_command", "made here")})
    assert commands.run(["made"]) == status
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said


def test_an_unknown_command_names_the_nearest(monkeypatch, capsys) -> None:
    monkeypatch.setattr(commands.Root, "modules", {"sample": ("made_command", "draw")})
    assert commands.run(["smaple"]) == 2
    assert "Did you mean 'sample'?" in capsys.readouterr().err


def every_command(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*words, name))


@pytest.mark.parametrize("words", list(every_command(commands.root)), ids=" ".join)
def test_the_help_of_every_command_has_examples_of_it(words, capsys) -> None:
    assert commands.run([*words, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"Usage: python -m tiny_cats {' '.join(words)} " in said
    examples = said.partition("Examples:")[2].partition("Options:")[0]
    assert re.search(rf"python -m tiny_cats {' '.join(words)}\s", examples)
    for line in said.splitlines():
        assert len(line) <= 120


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("predict", "cat.jpg", "--format", "json", "--top", "3"), "--top is for text"),
        (("export", "runs/none", "--format", "safetensors", "--data", "data"), "--data is for comparing"),
    ],
)
def test_an_option_that_would_say_nothing_is_refused(words, says, capsys) -> None:
    assert commands.run(words) == 2
    assert says in capsys.readouterr().err
