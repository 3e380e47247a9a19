"""`homeport volume link` and `unlink`, against the HTTP port they talk to."""

from pathlib import Path

import pytest

from homeport.cli import root, service
from tests.unit.files.served import TOKEN, Served


@pytest.fixture
def engine(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The commands take `served` for the running engine."""
    monkeypatch.setattr(service, "require", lambda home: service.Endpoint(1, "", served.http_url, "", 0.0))
    monkeypatch.setattr(service, "read_token", lambda home: service.Token(*TOKEN))
    monkeypatch.setenv("HOMEPORT_HOME", str(served.home.root))
    return served


def test_link_and_unlink(engine: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    assert root.run(["volume", "link", "data", str(folder)]) == 0
    assert f"{folder}, read-only" in capsys.readouterr().out
    assert not engine.do(engine.volumes.names.lookup, "main", "data").is_writable
    assert root.run(["volume", "link", "data", str(folder), "--writable"]) == 0
    assert engine.do(engine.volumes.names.lookup, "main", "data").is_writable
    assert root.run(["volume", "unlink", "data"]) == 0
    assert folder.is_dir()
    assert root.run(["volume", "unlink", "data"]) == 1
    assert "modal volume create data" in capsys.readouterr().err


def test_what_is_no_folder(engine: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root.run(["volume", "link", "data", str(tmp_path / "none")]) == 1
    assert "not a folder" in capsys.readouterr().err


def test_a_wrong_token(
    engine: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "read_token", lambda home: service.Token("ak", "as"))
    assert root.run(["volume", "link", "data", str(tmp_path)]) == 1
    assert "token" in capsys.readouterr().err


def test_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMEPORT_HOME", str(tmp_path / "home"))
    assert root.run(["volume", "link", "data", str(tmp_path)]) == 1
    assert "homeport up" in capsys.readouterr().err
