"""Every command of the docs is one; the predecessor's ended in `unexpected extra argument (data/cats)`."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest

from tiny_cats.commands import root

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/cats.md", ROOT / "docs/modal-cloud.md"]
LINE = re.compile(r"^ {2,}\$? ?(?:\.venv/bin/)?python3? -m tiny_cats (.*?)(?:  +#.*)?$", re.MULTILINE)
HELP = re.compile(r"^      python -m tiny_cats (.*)$", re.MULTILINE)


def documented() -> list[str]:
    found = {command for page in PAGES for command in LINE.findall(page.read_text())}
    for module in (ROOT / "src/tiny_cats/commands").glob("*.py"):
        found |= set(HELP.findall(module.read_text()))
    alone = [part for line in found for part in re.split(r" \| | && ", line)]
    return sorted({part.removeprefix("python -m tiny_cats ") for part in alone} - {"jq .left_out"})


def parse(command: click.Command, arguments: list[str], parent: click.Context | None = None) -> None:
    """As click would, down to the last command, which is not run. Paths need not exist."""
    context = command.make_context(command.name, arguments, parent, resilient_parsing=False)
    if isinstance(command, click.Group):
        name, below, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert below is not None, name
        parse(below, rest, context)


@pytest.mark.parametrize("words", documented())
def test_a_documented_command_is_one(words: str) -> None:
    try:
        parse(root, shlex.split(words))
    except click.exceptions.Exit:  # --help
        pass
    except click.BadParameter as error:
        assert "does not exist" in str(error), error


def test_there_are_some() -> None:
    assert len(documented()) > 5


@pytest.mark.parametrize("words", ["data synth", "train", "train-dit --set", "data no-such data/cats"])
def test_what_is_no_command_is_found_out(words: str) -> None:
    with pytest.raises(click.UsageError):
        parse(root, shlex.split(words))


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("dataset", ["cats_dataloader"]),
        ("model", ["cats_model"]),
        ("dit", ["count_parameters", "tinydit_128"]),
        ("flow_matching", ["EMA", "FlowMatchingLoss"]),
    ],
)
def test_the_names_that_readers_of_adr_030_look_for_are_there(module: str, names: list[str]) -> None:
    found = import_module(f"tiny_cats.{module}")
    assert all(callable(getattr(found, name)) for name in names)
