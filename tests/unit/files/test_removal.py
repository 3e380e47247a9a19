"""Trees that resist are removed, and nothing beside them changes."""

import os
from pathlib import Path

import pytest

from homeport.store.removal import remove_tree


def test_a_tree_without_permissions_is_removed(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "work" / "work" / "deep").mkdir(parents=True)
    (tree / "work" / "work" / "file").write_text("x")
    (tree / "link").symlink_to(tmp_path)
    (tree / "work" / "work").chmod(0)
    (tree / "work").chmod(0o500)
    tmp_path.chmod(0o755)
    remove_tree(tree)
    assert not os.path.lexists(tree)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("kind", ["file", "link", "nothing"])
def test_what_is_no_folder(tmp_path: Path, kind: str) -> None:
    (tmp_path / "target").mkdir()
    thing = tmp_path / "thing"
    if kind == "file":
        thing.write_text("x")
    elif kind == "link":
        thing.symlink_to("target")
    remove_tree(thing)
    assert [p.name for p in tmp_path.iterdir()] == ["target"]
