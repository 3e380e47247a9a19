"""The home: closed to every other user of the machine, whatever it was before."""

import os
import stat
from pathlib import Path

import pytest

from homeport.model.errors import EngineUnavailableError
from homeport.model.home import Home
from homeport.store.database import Database


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_home_is_closed_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        home = Home(tmp_path / "home")
        home.create()
        Database(home.database).close()
    finally:
        os.umask(before)
    assert mode(home.root) == 0o700


def test_the_database_and_its_log_are_the_user_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        database = Database(tmp_path / "state.db")
        try:
            for file in tmp_path.glob("state.db*"):
                assert mode(file) == 0o600, file
        finally:
            database.close()
    finally:
        os.umask(before)


def test_an_open_folder_that_is_empty_is_closed(tmp_path: Path) -> None:
    root = tmp_path / "made-by-hand"
    root.mkdir()
    root.chmod(0o777)
    Home(root).create()
    assert mode(root) == 0o700


def test_a_home_that_was_opened_is_closed_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    home.lock_file.touch()
    home.root.chmod(0o755)
    home.create()
    assert mode(home.root) == 0o700


def test_an_open_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "shared"
    root.mkdir()
    (root / "thesis.tex").touch()
    root.chmod(0o755)
    with pytest.raises(EngineUnavailableError, match="folder of its own"):
        Home(root).create()
    assert mode(root) == 0o755
    assert [entry.name for entry in root.iterdir()] == ["thesis.tex"]
