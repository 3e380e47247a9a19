"""`python -m seizure` at the repository's root, with a Python that knows nothing of the pipeline."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHER = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
pytestmark = pytest.mark.skipif(
    not OTHER.exists() or sys.prefix == sys.base_prefix, reason="needs a Python beside .venv's"
)


def typed(*arguments: str, python: Path = OTHER, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([python, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60)


def test_any_python_hands_over_to_the_one_that_is_set_up():
    done = typed("-m", "seizure", "--help")
    assert done.returncode == 0, done.stderr
    assert "EEG seizure detection" in done.stdout and "scan-cache" in done.stdout
    assert typed("-m", "seizure", "no-such-command").returncode == 2


def test_the_package_itself_is_what_is_imported_where_it_is_known():
    where = "import seizure; print(seizure.__file__)"
    done = typed("-c", where, python=Path(sys.executable))
    assert done.stdout.strip() == str(ROOT / "src/seizure/__init__.py")


def test_where_nothing_is_set_up_it_says_what_to_do(tmp_path: Path):
    shutil.copytree(ROOT / "seizure", tmp_path / "seizure")
    done = typed("-m", "seizure", "train", "configs/smoke_test.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the pipeline is not set up here: `make seizure`")
