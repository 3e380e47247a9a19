"""Apps as they were loaded before: found again while all that loading them read is as it was."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.check import loading
from homeport.check.facts import App
from homeport.check.kept import Kept
from homeport.check.loading import load_app
from homeport.check.reading import read_app
from homeport.check.source import Sources

APP = """
import json, os
from pathlib import Path
import modal
import helper
SIZES = json.loads(Path(__file__).with_name("sizes.json").read_text())
NAMES = sorted(path.stem for path in Path(__file__).with_name("jobs").iterdir())
app = modal.App("a")
@app.function(cpu=SIZES["cpu"], max_containers=helper.MOST, name="-".join(NAMES))
def f(): pass
"""
FILES = {"app.py": APP, "helper.py": "MOST = 3\n", "sizes.json": '{"cpu": 2}', "jobs/one.txt": ""}
Loads = Callable[..., bool]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, text in FILES.items():
        write(folder / name, text)
    return folder


def write(path: Path, text: str) -> None:
    """Writes a file that is older than the load which follows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.fixture
def loads(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """Whether the app is loaded by a process, rather than found."""
    started: list[str] = []
    real = loading._Process

    def process(*args: object) -> object:
        started.append("")
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(loading, "_Process", process)

    def loaded(*, is_fresh: bool = False, **environment: str) -> bool:
        started.clear()
        sources = Sources()
        read = sources.read(folder / "app.py", "app")
        app = load_app(
            folder / "app.py",
            read,
            as_module=False,
            python=Path(sys.executable),
            folder=folder,
            timeout_s=30,
            sources=sources,
            source_app=read_app(read, sources, folder),
            environment={**os.environ, **environment},
            kept=Kept(tmp_path / "kept", is_fresh=is_fresh),
        )
        assert isinstance(app, App), app
        assert app.how == "loaded"
        return bool(started)

    return loaded


def test_an_app_of_which_nothing_changed_is_not_loaded_again(loads: Loads) -> None:
    assert loads()
    assert not loads()
    assert loads(is_fresh=True)


def test_what_it_read_is_another(loads: Loads, folder: Path) -> None:
    assert loads()
    for name, text in {
        "app.py": APP + "\n",
        "helper.py": "MOST = 4\n",
        "sizes.json": '{"cpu": 4}',
        "jobs/two.txt": "",
        "json.py": "from _json import *\nloads = eval\n",  # comes before the library's
    }.items():
        write(folder / name, text)
        assert loads(), name
    assert not loads()


def test_a_file_that_was_looked_for_and_is_there_now(loads: Loads, folder: Path) -> None:
    write(folder / "app.py", APP + "DEBUG = os.path.exists('config/debug')\n")
    write(folder / "config" / "other", "")
    assert loads()
    write(folder / "config" / "another", "")
    assert not loads()
    write(folder / "config" / "debug", "")
    assert loads()


def test_a_variable_of_the_shell_is_another(loads: Loads) -> None:
    assert loads(GPU="T4")
    assert not loads(GPU="T4")
    assert loads(GPU="A100")
    assert not loads(GPU="T4", SHLVL="7")


def test_files_that_do_not_matter(loads: Loads, folder: Path) -> None:
    assert loads()
    write(folder / "notes.txt", "")
    write(folder / "__pycache__" / "helper.cpython-311.pyc", "")
    assert not loads()


@pytest.mark.parametrize(
    "line",
    [
        "import subprocess; subprocess.run(['true'])",
        "import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
    ],
)
def test_what_may_be_another_thing_each_time_is_not_kept(loads: Loads, folder: Path, line: str) -> None:
    write(folder / "app.py", f"{APP}try:\n    {line}\nexcept OSError: pass\n")
    assert loads()
    assert loads()


def test_a_file_that_is_changed_meanwhile_is_not_kept(loads: Loads, folder: Path) -> None:
    (folder / "sizes.json").touch()
    write(folder / "app.py", APP + "import os; os.utime('sizes.json')\n")
    assert loads()
    assert loads()


def test_what_was_kept_and_is_damaged_counts_for_nothing(loads: Loads, tmp_path: Path) -> None:
    assert loads()
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_text(kept.read_text()[:-20])
    assert loads()
    assert not loads()
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "kept").iterdir()] == [0o600]


def test_the_oldest_go_first(loads: Loads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homeport.check.kept.MOST", 2)
    for value in "abc":
        assert loads(GPU=value)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert not loads(GPU="c")
    assert loads(GPU="a")
