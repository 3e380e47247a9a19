"""scripts/setup.py and the lock files that it installs from. The set-up itself is made by `make test`."""

import importlib.util
import json
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LOCKS = ("requirements.lock", "requirements-cats.lock", "requirements-dev.lock")


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("homeport_setup", ROOT / "scripts/setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--find-links" not in text.replace("--no-emit-find-links", "")
    assert "--index-url" not in text.replace("--no-emit-index-url", "")
    blocks = re.split(r"^(?=[a-z0-9-]+==)", text, flags=re.MULTILINE)[1:]
    assert blocks
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_files_fit_pyproject_and_each_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    for lock, group in zip(LOCKS, ("seizure", "cats", "dev"), strict=True):
        pinned = pins(lock)
        for line in project["project"]["dependencies"] + asked(groups, group):
            requirement = Requirement(line)
            assert requirement.specifier.contains(pinned[requirement.name]), line
    for lock in LOCKS[:-1]:
        assert pins(lock).items() <= pins(LOCKS[-1]).items()


def asked(groups: dict[str, list[str | dict[str, str]]], group: str) -> list[str]:
    """What a group asks for, with those that it includes."""
    lines: list[str] = []
    for line in groups[group]:
        lines += [line] if isinstance(line, str) else asked(groups, line["include-group"])
    return lines


def test_uv_is_fetched_by_hash(setup: ModuleType) -> None:
    lines = setup.locked("uv").splitlines()
    assert lines[0] == f"uv=={pins(LOCKS[0])['uv']} \\"
    assert all("--hash=sha256:" in line for line in lines[1:])
    assert len(lines) > 5


def test_a_set_up_is_done_until_what_it_would_install_changes(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = tmp_path / "stamp.json"
    monkeypatch.setattr(setup, "STAMP", str(stamp))
    monkeypatch.setattr(setup, "VENV_PYTHON", sys.executable)
    monkeypatch.delenv("PYTHON", raising=False)
    assert not setup.is_done("run")
    written = {"set": "run", "digest": setup.digest("run"), "asked": ""}
    stamp.write_text(json.dumps(written))
    assert setup.is_done("run")
    assert not setup.is_done("dev")
    monkeypatch.setenv("PYTHON", "python3.12")
    assert not setup.is_done("run")
    monkeypatch.delenv("PYTHON")
    stamp.write_text(json.dumps(written | {"digest": "another"}))
    assert not setup.is_done("run")
    stamp.write_text(json.dumps({"set": "dev", "digest": setup.digest("dev"), "asked": ""}))
    assert setup.is_done("run")
    monkeypatch.setattr(setup, "VENV_PYTHON", str(tmp_path / "gone"))
    assert not setup.is_done("run")


def test_what_does_not_run_is_no_python(setup: ModuleType, tmp_path: Path) -> None:
    assert setup.series_of(str(tmp_path / "nowhere")) == ""
    assert setup.series_of("/bin/sh") == ""
    assert setup.series_of(sys.executable) == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert setup.version_of_uv("/bin/true") == (0, 0)


def test_package_sources_of_pip_reach_uv(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://packages.example/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    environment = setup.package_environment(sys.executable)
    assert environment["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
