"""The source of a run: what mounts brought, and the launcher's git tree, of which nothing is executed."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from homeport.control.runs.sources import entry_of, files_of, git_of
from homeport.record.run import Launcher


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "app.py").write_text("one\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_tree_has_its_commit_and_branch(tree):
    (tree / "src").mkdir()
    found = git_of(tree / "src")
    assert found is not None
    assert (len(found.commit), found.branch, found.is_dirty, found.difference) == (40, "main", False, "")
    assert Path(found.root).samefile(tree)


def test_the_uncommitted_difference_is_kept(tree):
    (tree / "app.py").write_text("two\n")
    found = git_of(tree)
    assert found is not None and found.is_dirty
    assert "-one\n+two\n" in found.difference


def test_a_long_difference_is_cut(tree):
    (tree / "app.py").write_text("x" * 79 + "\n")
    (tree / "app.py").write_text(("x" * 79 + "\n") * 10_000)
    found = git_of(tree)
    assert found is not None and found.is_cut
    assert len(found.difference) == 256 * 1024


def test_what_a_repository_configures_is_not_run(tree, tmp_path_factory):
    trace = tmp_path_factory.mktemp("trace") / "ran"
    program = tree / "program"
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "diff.x.textconv", "diff.x.command"):
        git(tree, "config", key, str(program))
    git(tree, "config", "core.hooksPath", str(tree))
    (tree / ".gitattributes").write_text("*.py diff=x\n")
    (tree / "app.py").write_text("two\n")
    found = git_of(tree)
    assert found is not None and "+two" in found.difference
    assert not trace.exists()


def test_a_folder_outside_of_a_repository_has_none(tmp_path):
    assert git_of(tmp_path) is None


def test_files_have_their_places_and_digests(tmp_path):
    (tmp_path / "a" / "root").mkdir(parents=True)
    (tmp_path / "b" / "root").mkdir(parents=True)
    (tmp_path / "a" / "root" / "x.py").write_text("upper")
    for name in ("x.py", "y.py"):
        (tmp_path / "b" / "root" / name).write_text("lower")
    found = [(file.path, file.sha256) for file in files_of([tmp_path / "a", tmp_path / "b"])]
    assert found == [
        ("/root/x.py", hashlib.sha256(b"upper").hexdigest()),
        ("/root/y.py", hashlib.sha256(b"lower").hexdigest()),
    ]


def test_the_apps_file_is_found_by_the_command_line(tmp_path):
    (tmp_path / "app.py").write_text("")
    launcher = Launcher(("modal", "run", "app.py::train", "--n", "3"), str(tmp_path))
    assert entry_of(launcher) == str(tmp_path / "app.py")
    assert entry_of(Launcher(("modal", "run", "gone.py"), str(tmp_path))) == ""
    assert entry_of(None) == ""
