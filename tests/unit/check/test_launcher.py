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
    real = root / "bin" / "python3.12"
    real.symlink_to(sys.executable)
    python.symlink_to(sys.executable)
    return real


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


def test_a_python_without_packages_beside_it_is_asked(tmp_path: Path) -> None:
    shim = tmp_path / "shims" / "python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    found = this_launcher(tmp_path, {}, shim)
    assert {"pytest", "click"} <= found.modules
    assert found.python_version == "{}.{}".format(*sys.version_info)
    assert this_launcher(tmp_path, {}, tmp_path / "nothing").modules == frozenset()


def test_a_virtual_environment_that_sees_the_systems_packages(tmp_path: Path) -> None:
    base = environment(tmp_path / "base", "numpy/__init__.py")
    (tmp_path / "base" / "pyvenv.cfg").unlink()
    python = environment(tmp_path / "env", "torch/__init__.py")
    assert this_launcher(tmp_path, {}, python).modules == {"torch"}
    (tmp_path / "env" / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = true\n"
    )
    assert this_launcher(tmp_path, {}, python).modules == {"torch", "numpy"}


def test_this_python_has_what_it_can_import() -> None:
    found = this_launcher(Path("/"), {}, Path(sys.executable))
    assert {"modal", "modal_proto", "homeport", "pytest", "yaml"} <= found.modules
    assert found.client_version and found.python_version == "{}.{}".format(*sys.version_info)
