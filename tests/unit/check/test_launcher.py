"""What the launcher's Python has, by names of files alone."""

import sys
from pathlib import Path

from homeport.check.launcher import python_of_modal, this_launcher


def environment(root: Path, *files: str) -> Path:
    """A virtual environment with these files in its site-packages. Returns its Python."""
    site = root / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    for name in files:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    (root / "pyvenv.cfg").write_text("")
    python = root / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    return python


def test_its_packages_version_and_client(tmp_path: Path) -> None:
    python = environment(
        tmp_path,
        "torch/__init__.py",
        "six.py",
        "_c.cpython-312-x86_64-linux-gnu.so",
        "modal-1.5.5.dist-info/METADATA",
    )
    found = this_launcher(tmp_path, {"HF_TOKEN": "secret"}, python)
    assert found.modules == {"torch", "six", "_c"}
    assert (found.client_version, found.python_version) == ("1.5.5", "3.12")
    assert found.variables == {"HF_TOKEN"}


def test_editable_installs_and_pythonpath(tmp_path: Path) -> None:
    python = environment(tmp_path / "env", "own.pth", "__editable___other_finder.py")
    site = tmp_path / "env/lib/python3.12/site-packages"
    (tmp_path / "src" / "mine").mkdir(parents=True)
    (tmp_path / "more" / "shell").mkdir(parents=True)
    (site / "own.pth").write_text(f"import sys\n{tmp_path / 'src'}\n")
    (site / "__editable___other_finder.py").write_text("MAPPING: dict[str, str] = {'other': '/x/other'}\n")
    found = this_launcher(tmp_path, {"PYTHONPATH": str(tmp_path / "more")}, python)
    assert {"mine", "other", "shell"} <= found.modules


def test_the_python_of_the_shells_modal_command(tmp_path: Path) -> None:
    python = environment(tmp_path / "env")
    script = tmp_path / "modal"
    script.write_text(f"#!{python}\nimport modal\n")
    script.chmod(0o755)
    assert python_of_modal({"PATH": str(tmp_path)}, Path("/default")) == python
    script.write_text("#!/usr/bin/env python3\n")
    assert python_of_modal({"PATH": str(tmp_path)}, Path("/default")) == Path("/default")
    assert python_of_modal({"PATH": "/nowhere"}, Path("/default")) == Path("/default")
