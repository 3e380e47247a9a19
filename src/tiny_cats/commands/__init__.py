"""The commands: parse, call, print. Each file holds one click command (or group) named `command`.

A file is a command by being here; the first line of its docstring says what it does, after its name and a
colon, as in `sample`: draw pictures with a trained model. Modules load when they are used, since torch takes
seconds, and import what is heavy within the command.
"""

import ast
from pathlib import Path
from typing import ClassVar

import click

from training_kit import commands


def found() -> dict[str, tuple[str, str]]:
    """The commands that lie here: name -> (module, what it does), without loading them."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    return {file.stem.replace("_", "-"): (f"{__name__}.{file.stem}", _purpose(file)) for file in files}


def _purpose(file: Path) -> str:
    first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]
    return first.partition(": ")[2].rstrip(".")


class Root(commands.Commands):
    modules: ClassVar = found()


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
def root() -> None:
    """Two trainings on pictures of cats: a classifier of breeds, and TinyDiT, which draws cats.

    \b
    Examples:
      python -m tiny_cats data fetch data/pets
      python -m tiny_cats train configs/classifier_smoke.yaml
      python -m tiny_cats sample --model runs/tinydit-…/checkpoints/best.pt --breed Bengal --count 16
    """


def run(arguments: list[str]) -> int:
    """Runs one command; exit status 0: done, 1: an error in one sentence, 2: wrong usage, 130: Ctrl-C."""
    return commands.run(root, "tiny_cats", arguments)
