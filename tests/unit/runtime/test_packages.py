"""Bytecode of installed packages: what Python would write itself, from a cache the second time."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from homeport.runtime.inside import packages


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site-packages"
    (folder / "cats").mkdir(parents=True)
    for number in range(3):
        (folder / f"cats/m{number}.py").write_text(f"NUMBER = {number}\n")
    (folder / "cats/template.py").write_text("{% if %}\n")
    (folder / "cats/data.txt").write_text("no module")
    monkeypatch.setattr(packages, "_site_folders", lambda: [str(folder)])
    return folder


def compiled(site: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(site.rglob("*.pyc"))}


def test_the_files_are_those_that_python_uses(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert "Bytecode of 4 files" in capsys.readouterr().out
    assert set(compiled(site)) == {f"m{n}.{sys.implementation.cache_tag}.pyc" for n in range(3)}
    said = subprocess.run(
        [sys.executable, "-v", "-c", "import cats.m1; print(cats.m1.NUMBER)"],
        env={"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert said.stdout == "1\n"
    assert "code object from" in said.stderr.split("m1.py")[0] or "matches" in said.stderr


def test_a_second_time_they_come_from_the_cache(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packages.main(["bytecode", str(tmp_path / "cache")])
    first = compiled(site)
    for path in site.rglob("*.pyc"):
        path.unlink()
    for path in site.rglob("*.py"):
        os.utime(path, (1000, 1000))  # installed at another time
    capsys.readouterr()
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert "(4 were compiled before)" in capsys.readouterr().out
    again = compiled(site)
    assert {name: data[16:] for name, data in again.items()} == {
        name: data[16:] for name, data in first.items()
    }
    assert all(data[8:12] == (1000).to_bytes(4, "little") for data in again.values())


def test_a_cache_that_cannot_be_written_costs_only_time(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cache").write_text("no folder")
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert "Bytecode of 4 files" in capsys.readouterr().out
    assert set(compiled(site)) == {f"m{n}.{sys.implementation.cache_tag}.pyc" for n in range(3)}


def test_what_is_valid_stays_and_what_changed_is_compiled_again(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packages.main(["bytecode", str(tmp_path / "cache")])
    (site / "cats/m1.py").write_text("NUMBER = 10001\n")
    capsys.readouterr()
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert "Bytecode of 2 files" in capsys.readouterr().out, "the changed one, and what does not compile"
    spec = importlib.util.spec_from_file_location("m1", site / "cats/m1.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.NUMBER == 10001


def test_many_files_are_shared_out(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_LEAST_FOR_TWO", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
    for number in range(50):
        (site / f"cats/n{number}.py").write_text(f"NUMBER = {number}\n")
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert len(compiled(site)) == 53
    for path in site.rglob("*.pyc"):
        path.unlink()
    capsys.readouterr()
    packages.main(["bytecode", str(tmp_path / "cache")])
    assert "(54 were compiled before)" in capsys.readouterr().out
