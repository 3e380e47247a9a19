"""This machine's package configuration."""

import pwd
from pathlib import Path
from typing import NoReturn

import pytest

from homeport.model.people import home_folder
from homeport.runtime.package_sources import read_package_sources


def test_pips_files_are_read_and_variables_win(tmp_path: Path) -> None:
    file = tmp_path / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[global]\nindex-url = https://file/simple\nfind-links =\n  /a\n  /b\n")
    sources = read_package_sources({"PIP_INDEX_URL": "https://env/simple"}, tmp_path)
    assert sources.env["PIP_INDEX_URL"] == "https://env/simple"
    assert sources.env["UV_DEFAULT_INDEX"] == "https://env/simple"
    assert sources.env["PIP_FIND_LINKS"] == "/a /b"
    assert sources.env["UV_FIND_LINKS"] == "/a,/b"


def test_what_uv_was_told_stays(tmp_path: Path) -> None:
    environ = {"PIP_INDEX_URL": "https://pip", "UV_DEFAULT_INDEX": "https://uv", "PIP_FIND_LINKS": "/a"}
    sources = read_package_sources({**environ, "UV_FIND_LINKS": "/b"}, tmp_path)
    assert sources.env["UV_DEFAULT_INDEX"] == "https://uv"
    assert sources.env["UV_FIND_LINKS"] == "/b"


def test_nothing_else_of_the_environment_gets_through(tmp_path: Path) -> None:
    sources = read_package_sources({"BGB_LIMIT_FILES": "50", "PATH": "/x", "HOME": "/y"}, tmp_path)
    assert not {"BGB_LIMIT_FILES", "PATH", "HOME"} & sources.env.keys()


def test_folders_of_this_machine_are_named(tmp_path: Path) -> None:
    wheels, index = tmp_path / "wheels", tmp_path / "index/simple"
    wheels.mkdir()
    index.mkdir(parents=True)
    environ = {"PIP_FIND_LINKS": f"{wheels} https://x", "UV_INDEX": f"mine=file://{index}"}
    sources = read_package_sources(environ, tmp_path)
    assert wheels in sources.paths
    assert index.parent in sources.paths  # an index's pages name files beside it


def test_a_note_shows_no_credentials(tmp_path: Path) -> None:
    environ = {"PIP_INDEX_URL": "https://me:secret@host/simple", "UV_INDEX_MINE_PASSWORD": "hidden"}
    note = read_package_sources(environ, tmp_path).note()
    assert "secret" not in note
    assert "hidden" not in note
    assert "host/simple" in note


def test_a_user_without_account_and_home_has_this_machines_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_account(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", no_account)
    assert read_package_sources({"PIP_INDEX_URL": "https://env/simple"}).env["UV_DEFAULT_INDEX"]
    assert home_folder() == Path("/nonexistent")
