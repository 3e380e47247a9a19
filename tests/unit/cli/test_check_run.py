"""What `homeport run` takes its arguments for, before modal gets them."""

import pytest

from homeport.cli.check_run import Run, parse


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
